package sample

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// A4 in points, and how a page is set.
const (
	pageWidth, pageHeight = 595, 842
	margin, leading, font = 56, 14, 11
	linesPerPage          = (pageHeight - 2*margin) / leading
)

// PDF sets text as a PDF 1.4 (ISO 32000-1) in Helvetica with the characters of
// Windows-1252. A form feed begins a page, as does a full one. Equal text gives
// equal bytes. Characters that the font lacks become question marks.
func PDF(title, text string) []byte {
	pages := paginate(text)
	var w pdfWriter
	w.buf.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	kids := make([]string, len(pages))
	for i := range pages {
		kids[i] = fmt.Sprintf("%d 0 R", 5+2*i)
	}
	w.object("<< /Type /Catalog /Pages 2 0 R >>")
	w.object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	w.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	w.object(fmt.Sprintf("<< /Title %s /Producer (sample) >>", literal(title)))
	for i, lines := range pages {
		w.object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>",
			pageWidth, pageHeight, 6+2*i))
		var c bytes.Buffer
		fmt.Fprintf(&c, "BT /F1 %d Tf %d TL %d %d Td\n", font, leading, margin, pageHeight-margin)
		for _, line := range lines {
			fmt.Fprintf(&c, "%s Tj T*\n", literal(line))
		}
		c.WriteString("ET\n")
		w.object(fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", c.Len(), c.String()))
	}
	return w.end()
}

func paginate(text string) [][]string {
	var pages [][]string
	for page := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\f") {
		lines := strings.Split(strings.Trim(page, "\n"), "\n")
		for len(lines) > linesPerPage {
			pages = append(pages, lines[:linesPerPage])
			lines = lines[linesPerPage:]
		}
		pages = append(pages, lines)
	}
	return pages
}

// literal is a PDF string (7.3.4.2), in Windows-1252.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('(')
	for _, r := range s {
		c, ok := charmap.Windows1252.EncodeRune(r)
		if !ok {
			c = '?'
		}
		switch {
		case c == '(' || c == ')' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(')')
	return b.String()
}

// pdfWriter numbers objects from 1 and remembers where they begin.
type pdfWriter struct {
	buf     bytes.Buffer
	offsets []int
}

func (w *pdfWriter) object(body string) {
	w.offsets = append(w.offsets, w.buf.Len())
	fmt.Fprintf(&w.buf, "%d 0 obj\n%s\nendobj\n", len(w.offsets), body)
}

func (w *pdfWriter) end() []byte {
	xref := w.buf.Len()
	fmt.Fprintf(&w.buf, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, o := range w.offsets {
		fmt.Fprintf(&w.buf, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&w.buf, "trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets)+1, xref)
	return w.buf.Bytes()
}
