package extract

import (
	"bytes"
	"compress/zlib"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// pdfBuilder writes small PDFs by hand (ISO 32000-1), so that tests know every
// byte of theirs. Object 1 is the catalog.
type pdfBuilder struct {
	objects []string // index 0 is object 1
	trailer string   // more of the trailer
	crypt   func(object int, plain []byte) []byte
}

func (b *pdfBuilder) add(body string) int {
	b.objects = append(b.objects, body)
	return len(b.objects)
}

func (b *pdfBuilder) stream(dict string, content []byte) int {
	if b.crypt != nil {
		content = b.crypt(len(b.objects)+1, content)
	}
	return b.add(fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(content), content))
}

func (b *pdfBuilder) bytes() []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.6\n%\xE2\xE3\xCF\xD3\n")
	offsets := make([]int, len(b.objects))
	for i, body := range b.objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, body)
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(b.objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(b.objects)+1, b.trailer, xref)
	return out.Bytes()
}

// pdfEscape writes a string in WinAnsi between parentheses.
func pdfEscape(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == '(' || r == ')' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < 256:
			out.WriteByte(byte(r))
		case r == '€':
			out.WriteByte(0x80)
		default:
			out.WriteByte('?')
		}
	}
	return out.String()
}

func textContent(page string) []byte {
	var c bytes.Buffer
	c.WriteString("BT /F1 11 Tf 14 TL 60 780 Td\n")
	for line := range strings.SplitSeq(page, "\n") {
		fmt.Fprintf(&c, "(%s) Tj T*\n", pdfEscape(line))
	}
	c.WriteString("ET\n")
	return c.Bytes()
}

// textPDF has a page for each text, its lines in Helvetica.
func textPDF(pages ...string) []byte { return buildPDF(&pdfBuilder{}, "0 0 595 842", pages) }

func buildPDF(b *pdfBuilder, mediaBox string, pages []string) []byte {
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("") // the page tree
	b.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	var kids []string
	for _, page := range pages {
		content := b.stream("", textContent(page))
		n := b.add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [%s] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", mediaBox, content))
		kids = append(kids, fmt.Sprintf("%d 0 R", n))
	}
	b.objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(kids))
	return b.bytes()
}

// imagePDF is a scan: pages with a picture and no letter.
func imagePDF(pages int) []byte {
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("")
	image := b.stream("/Type /XObject /Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8", bytes.Repeat([]byte{0, 255}, 32))
	content := b.stream("", []byte("q 500 0 0 700 40 60 cm /Im1 Do Q"))
	var kids []string
	for range pages {
		n := b.add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /XObject << /Im1 %d 0 R >> >> >>", content, image))
		kids = append(kids, fmt.Sprintf("%d 0 R", n))
	}
	b.objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(kids))
	return b.bytes()
}

// bombPDF has one page whose content is a flate stream of size zeros inside
// `layers` further flate streams.
func bombPDF(t testing.TB, size, layers int) []byte {
	t.Helper()
	content := deflate(t, bytes.Repeat([]byte("q Q "), size/4))
	filters := "/FlateDecode"
	for range layers {
		content = deflate(t, content)
		filters += " /FlateDecode"
	}
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("<< /Type /Pages /Kids [4 0 R] /Count 1 >>")
	c := b.stream("/Filter ["+filters+"]", content)
	b.add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R >>", c))
	return b.bytes()
}

func deflate(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// deepPDF has a page tree of depth levels with one page at its end.
func deepPDF(depth int) []byte {
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	for i := range depth {
		parent := ""
		if i > 0 {
			parent = fmt.Sprintf("/Parent %d 0 R", i+1)
		}
		b.add(fmt.Sprintf("<< /Type /Pages /Kids [%d 0 R] /Count 1 %s >>", i+3, parent))
	}
	b.add(fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] >>", depth+1))
	return b.bytes()
}

// cyclicPDF has a page tree that contains itself.
func cyclicPDF() []byte {
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("<< /Type /Pages /Kids [2 0 R 2 0 R 3 0 R] /Count 1000000 >>")
	b.add("<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 5 >>")
	return b.bytes()
}

// formBombPDF draws form f0, which draws f1 ten times, which draws f2 ten
// times, and so on: ten to the power of levels.
func formBombPDF(levels int) []byte {
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	b.add("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> /XObject << /X 6 0 R >> >> >>")
	b.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	b.stream("", []byte("/X Do"))
	for i := range levels {
		next := len(b.objects) + 2
		if i == levels-1 {
			b.stream("/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >>", []byte("BT /F1 9 Tf 50 50 Td (bomb) Tj ET"))
			break
		}
		b.stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>", next), bytes.Repeat([]byte("/X Do "), 10))
	}
	return b.bytes()
}

var passwordPad = []byte("\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A")

// encryptedPDF is encrypted by the standard security handler (ISO 32000-1,
// 7.6.3): revision 3 with RC4, or 4 with AES-128. With an empty user password
// anybody may open it.
func encryptedPDF(t testing.TB, aes128 bool, userPassword, page string) []byte {
	t.Helper()
	id := []byte("0123456789abcdef")
	pad := func(password string) []byte { return append([]byte(password), passwordPad...)[:32] }
	rounds := func(key, data []byte) []byte {
		for i := range 20 {
			k := make([]byte, len(key))
			for j := range key {
				k[j] = key[j] ^ byte(i)
			}
			c, err := rc4.NewCipher(k)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]byte, len(data))
			c.XORKeyStream(out, data)
			data = out
		}
		return data
	}
	// Algorithm 3: the owner entry.
	sum := md5.Sum(pad("owner"))
	for range 50 {
		sum = md5.Sum(sum[:])
	}
	owner := rounds(sum[:], pad(userPassword))
	// Algorithm 2: the key.
	permissions := int32(-4)
	seed := append(pad(userPassword), owner...)
	seed = binary.LittleEndian.AppendUint32(seed, uint32(permissions))
	seed = append(seed, id...)
	sum = md5.Sum(seed)
	for range 50 {
		sum = md5.Sum(sum[:])
	}
	key := bytes.Clone(sum[:])
	// Algorithm 5: the user entry.
	check := md5.Sum(append(bytes.Clone(passwordPad), id...))
	user := append(rounds(key, check[:]), make([]byte, 16)...)

	b := &pdfBuilder{crypt: func(object int, plain []byte) []byte {
		// Algorithm 1: the key of an object.
		k := append(bytes.Clone(key), byte(object), byte(object>>8), byte(object>>16), 0, 0)
		if aes128 {
			k = append(k, "sAlT"...)
		}
		objectKey := md5.Sum(k)
		if !aes128 {
			c, err := rc4.NewCipher(objectKey[:])
			if err != nil {
				t.Fatal(err)
			}
			out := make([]byte, len(plain))
			c.XORKeyStream(out, plain)
			return out
		}
		block, err := aes.NewCipher(objectKey[:])
		if err != nil {
			t.Fatal(err)
		}
		padding := 16 - len(plain)%16
		padded := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(padding)}, padding)...)
		iv := []byte("fedcba9876543210")
		out := make([]byte, len(padded))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, padded)
		return append(iv, out...)
	}}
	handler := "/V 2 /R 3 /Length 128"
	if aes128 {
		handler = "/V 4 /R 4 /Length 128 /CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >> /StmF /StdCF /StrF /StdCF"
	}
	b.trailer = fmt.Sprintf("/ID [<%x> <%x>] /Encrypt << /Filter /Standard %s /P %d /O <%x> /U <%x> >>", id, id, handler, permissions, owner, user)
	return buildPDF(b, "0 0 595 842", []string{page})
}
