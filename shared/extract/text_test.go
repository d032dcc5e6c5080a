package extract

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"docuvault/shared/extract/mediatype"
)

func TestText(t *testing.T) {
	t.Parallel()
	utf16 := func(order unicode.Endianness, policy unicode.BOMPolicy, s string) string {
		out, err := unicode.UTF16(order, policy).NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct{ in, want string }{
		"UTF-8":             {"Größe €", "Größe €"},
		"UTF-8 with a mark": {"\xEF\xBB\xBFGröße", "Größe"},
		"UTF-16 LE":         {utf16(unicode.LittleEndian, unicode.UseBOM, "Größe €"), "Größe €"},
		"UTF-16 BE":         {utf16(unicode.BigEndian, unicode.UseBOM, "Größe €"), "Größe €"},
		"UTF-16 unmarked":   {utf16(unicode.LittleEndian, unicode.IgnoreBOM, "Groesse of a text"), "Groesse of a text"},
		"windows-1252":      {"Gr\xF6\xDFe 5 \x80 \x84so\x93", "Größe 5 € „so“"},
		"line ends":         {"a\r\nb\rc\n\n", "a\nb\nc"},
		"controls":          {"a\x00b\x07c\x1b[31m", "abc[31m"},
		"cut character":     {"abc \xC3", "abc \uFFFD"},
		"empty":             {"", ""},
	} {
		r, err := extractBytes(t, open1(t), []byte(c.in), mediatype.Text)
		if err != nil || r.Text != c.want || r.Source != SourceText || r.Truncated {
			t.Errorf("%s: %+v, %v; want %q", name, r, err, c.want)
		}
	}
}

// kinds are all that have an extractor.
var kinds = append([]string{mediatype.PDF, mediatype.Text, mediatype.HTML, mediatype.CSV, mediatype.Email}, officeKinds...)

func TestTextOverTheLimitIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	e := limited(t, func(l *Limits) { l.Text = 1001 })
	for _, kind := range kinds {
		body := []byte(strings.Repeat("äöü ", 5000))
		switch kind {
		case mediatype.Email:
			body = append([]byte("From: a@example.org\nContent-Type: text/plain; charset=utf-8\n\n"), body...)
		case mediatype.PDF:
			body = textPDF(strings.Repeat(strings.Repeat("äöü ", 20)+"\n", 60))
		case mediatype.Text, mediatype.HTML, mediatype.CSV:
		default:
			// A cell comes whole, and more than this is not unpacked for so little text.
			body = officeFile(t, kind, strings.Repeat("äöü ", 2000))
		}
		r, err := extractBytes(t, e, body, kind)
		if err != nil || !r.Truncated || len(r.Text) > 1001 || len(r.Text) < 900 || !utf8.ValidString(r.Text) {
			t.Errorf("%s: %d bytes, truncated %v, %v", kind, len(r.Text), r.Truncated, err)
		}
	}
}

func TestHTML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<html><head><title>Bill &amp; Co</title><style>p{}</style><script>var secret='<p>no</p>'</script></head><body><p>One <b>bo</b>ld</p><p>Two&nbsp;three</p></body>": "Bill & Co\nOne bold\nTwo\u00A0three",
		"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>":                                                                                                  "a\tb\t\nc",
		"plain":               "plain",
		"<p>unclosed <i>tags": "unclosed tags",
		"<meta charset=iso-8859-15><p>5 \xA4 f\xFCr":                  "5 € für",
		"<!-- <p>comment</p> -->x<template><p>hidden</p></template>y": "xy",
		strings.Repeat("<div>", 100000) + "deep":                      "deep",
	} {
		r, err := extractBytes(t, open1(t), []byte(in), mediatype.HTML)
		if err != nil || r.Text != want || r.Source != SourceHTML {
			t.Errorf("%.60q: %q, %v; want %q", in, r.Text, err, want)
		}
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Datum;Betrag;Zweck\n01.02.2024;1.234,56;\"Miete; Februar\"\n": "Datum\tBetrag\tZweck\n01.02.2024\t1.234,56\tMiete; Februar",
		"a,b\n1,\"x\ny\"\n": "a\tb\n1\tx\ny",
		"a\tb\nc\td":        "a\tb\nc\td",
		"\"never closed":    "never closed",
	} {
		r, err := extractBytes(t, open1(t), []byte(in), mediatype.CSV)
		if err != nil || r.Text != want || r.Source != SourceCSV {
			t.Errorf("%q: %q, %v; want %q", in, r.Text, err, want)
		}
	}
}

const letterSample = `From: =?utf-8?B?SsO8cmdlbiBNw7xsbGVy?= <j@example.org>
To: you@example.org
Subject: =?iso-8859-1?Q?Rechnung_f=FCr_M=E4rz?=
 =?utf-8?Q?_und_April?=
Date: Tue, 02 Apr 2024 10:00:00 +0200
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Sch=F6ne Gr=FC=DFe, anbei die Rechnung.
--inner
Content-Type: text/html; charset=utf-8

<p>HTML that says the same</p>
--inner--
--outer
Content-Type: application/pdf; name="Rechnung.pdf"
Content-Disposition: attachment; filename="=?utf-8?Q?Rechnung_M=C3=A4rz.pdf?="
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--outer
Content-Type: message/rfc822

From: other@example.org
Subject: The attached letter
Content-Type: text/html
Content-Transfer-Encoding: base64

%s
--outer--
`

func TestEmail(t *testing.T) {
	t.Parallel()
	inner := base64.StdEncoding.EncodeToString([]byte("<p>only HTML here</p><script>no()</script>"))
	for _, ends := range []string{"\n", "\r\n"} {
		mail := strings.ReplaceAll(fmt.Sprintf(letterSample, inner), "\n", ends)
		if got := mediatype.Sniff([]byte(mail)); got != mediatype.Email {
			t.Errorf("sniffed as %s", got)
		}
		r, err := extractBytes(t, open1(t), []byte(mail), mediatype.Email)
		if err != nil || r.Source != SourceEmail || r.Truncated {
			t.Fatalf("%+v, %v", r, err)
		}
		for _, want := range []string{"Subject: Rechnung für März und April\n", "From: Jürgen Müller <j@example.org>", "Date: Tue, 02 Apr 2024", "Schöne Grüße, anbei die Rechnung.", "Rechnung März.pdf", "The attached letter", "only HTML here"} {
			if !strings.Contains(r.Text, want) {
				t.Errorf("no %q in %q", want, r.Text)
			}
		}
		for _, not := range []string{"says the same", "no()", "JVBERi", "preamble"} {
			if strings.Contains(r.Text, not) {
				t.Errorf("%q in %q", not, r.Text)
			}
		}
	}
}

func TestEmailHostile(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string {
		var out strings.Builder
		out.WriteString("From: a@example.org\n")
		for i := range levels {
			fmt.Fprintf(&out, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		}
		return out.String() + "Content-Type: text/plain\n\nend\n"
	}
	many := "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: image/png\n\nx\n", 5000) + "--b--\n"
	for name, c := range map[string]struct {
		in   string
		want Code
	}{
		"nested 100 deep":         {deep(100), TooComplex},
		"5000 parts":              {many, TooComplex},
		"header of 2 MB":          {"From: a@example.org\nSubject: " + strings.Repeat("x", 2<<20), TooComplex},
		"no header":               {"\x00\x01\x02", Broken},
		"empty":                   {"", Broken},
		"multipart, no boundary":  {"From: a@b\nContent-Type: multipart/mixed\n\nx", Broken},
		"multipart, no parts":     {"From: a@b\nContent-Type: multipart/mixed; boundary=q\n\nx", ""},
		"base64 that is none":     {"From: a@b\nContent-Transfer-Encoding: base64\n\n%%%%", Broken},
		"nested 5 deep":           {deep(5), ""},
		"unknown charset":         {"From: a@b\nContent-Type: text/plain; charset=klingon\n\nhello", ""},
		"quoted-printable broken": {"From: a@b\nContent-Transfer-Encoding: quoted-printable\n\nfine =ZZ", ""},
		"a line end in mbox":      {"From a@b Mon\nFrom: a@b\n\nhello", ""},
	} {
		if _, err := extractBytes(t, open1(t), []byte(c.in), mediatype.Email); FailureCode(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestUnsupportedAndTooLarge(t *testing.T) {
	t.Parallel()
	e := open1(t)
	const size = 5 << 30
	// A type without extractor is fine at any size, and nothing is read.
	if r, err := e.Extract(t.Context(), never{t}, size, "video/mp4"); !errors.Is(err, ErrUnsupported) || r.Source != SourceNone {
		t.Errorf("%+v, %v", r, err)
	}
	for _, kind := range kinds {
		if _, err := e.Extract(t.Context(), never{t}, size, kind); FailureCode(err) != TooLarge {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// never must not be read.
type never struct{ t *testing.T }

func (n never) ReadAt([]byte, int64) (int, error) {
	n.t.Error("read")
	return 0, io.EOF
}

// failing is storage that breaks off after some bytes.
type failing struct {
	content []byte
	after   int64
}

var errStorage = errors.New("storage is gone")

func (f failing) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > f.after {
		return 0, errStorage
	}
	return bytes.NewReader(f.content).ReadAt(p, offset)
}

func TestStorageFailureIsNotTheDocumentsFault(t *testing.T) {
	t.Parallel()
	mail := fmt.Sprintf(letterSample, strings.Repeat("QUJD", 50000))
	for kind, content := range map[string][]byte{
		mediatype.PDF:    textPDF("one", "two"),
		mediatype.Text:   bytes.Repeat([]byte("word "), 5000),
		mediatype.HTML:   bytes.Repeat([]byte("<p>word "), 5000),
		mediatype.CSV:    bytes.Repeat([]byte("a;b\n"), 5000),
		mediatype.Email:  []byte(mail),
		mediatype.Word:   officeFile(t, mediatype.Word, strings.Repeat("&#228;word ", 5000)),
		mediatype.ODText: officeFile(t, mediatype.ODText, strings.Repeat("word ", 5000)),
	} {
		for _, after := range []int64{0, int64(len(content)) / 2} {
			_, err := open1(t).Extract(t.Context(), failing{content, after}, int64(len(content)), kind)
			if !errors.Is(err, errStorage) || FailureCode(err) != "" {
				t.Errorf("%s after %d bytes: %v", kind, after, err)
			}
		}
	}
}

func TestCancelledBeforeTheStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range kinds {
		_, err := open1(t).Extract(ctx, strings.NewReader("From: x"), 7, kind)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func fuzzText(f *testing.F, kind string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	limits := DefaultLimits
	limits.Text = 10_000
	e := &Extractor{limits: limits}
	f.Fuzz(func(t *testing.T, content []byte) { mustRead(t, e, content, kind) })
}

// mustRead reads anything: to a text within the limits, or to a typed failure.
func mustRead(t *testing.T, e *Extractor, content []byte, kind string) {
	t.Helper()
	begun := time.Now()
	r, err := e.Extract(t.Context(), bytes.NewReader(content), int64(len(content)), kind)
	if err != nil && FailureCode(err) == "" {
		t.Fatalf("untyped: %v", err)
	}
	if len(r.Text) > e.limits.Text || !utf8.ValidString(r.Text) || strings.ContainsRune(r.Text, 0) {
		t.Fatalf("%d bytes, %.100q", len(r.Text), r.Text)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Fatalf("took %v", took)
	}
}

func FuzzText(f *testing.F) {
	fuzzText(f, mediatype.Text, "", "text", "\xFF\xFEa\x00", "\xFE\xFF\x00a", "\xEF\xBB\xBFx", "Gr\xF6\xDFe")
}

func FuzzHTML(f *testing.F) {
	fuzzText(f, mediatype.HTML, "<p>x", "<meta charset=utf-16>x", "<script>", "<td>a<td>b", "&#x110000;")
}

func FuzzCSV(f *testing.F) {
	fuzzText(f, mediatype.CSV, "a;b\n1;2", "\"a\n", "\"\"\"\"", ",,,\n\t")
}

func FuzzEmail(f *testing.F) {
	fuzzText(f, mediatype.Email, fmt.Sprintf(letterSample, "QUJD"), "From: a\n\nx", "From x\n", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n")
}

func FuzzPDF(f *testing.F) {
	f.Add(textPDF("seed"))
	f.Add(imagePDF(1))
	f.Add(encryptedPDF(f, true, "", "seed"))
	f.Add(cyclicPDF())
	f.Add(deepPDF(3))
	e := limited(f, func(l *Limits) { l.Text = 10_000; l.Time = 5 * time.Second })
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := e.Extract(t.Context(), bytes.NewReader(content), int64(len(content)), mediatype.PDF)
		if err != nil && FailureCode(err) == "" {
			t.Fatalf("untyped: %v", err)
		}
		if len(r.Text) > 10_000 || !utf8.ValidString(r.Text) {
			t.Fatalf("%d bytes", len(r.Text))
		}
	})
}
