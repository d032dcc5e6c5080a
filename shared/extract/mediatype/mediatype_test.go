package mediatype

import (
	"strings"
	"testing"
)

func TestSniff(t *testing.T) {
	t.Parallel()
	for want, heads := range map[string][]string{
		PDF:          {"%PDF-1.7\n", "\xEF\xBB\xBF\x00%PDF-1.4", "\x00\x01junk\n%PDF-1.4"},
		Text:         {"", "plain words, nothing else", "Gr\xF6\xDFe in windows-1252", "The header is %PDF-1.4 in prose", "Note: this is no mail\n\nFrom: me", "\xFF\xFEa\x00b\x00"},
		HTML:         {"<!DOCTYPE html><html>", "<html><body>"},
		CSV:          {"a,b,c\n1,2,3\n4,5,6\n", "a\tb\n1\t2\n3\t4\n"},
		Email:        {"From: a@example.org\nSubject: x\n\nbody", "Received: from x\n by y\nFrom: a\r\n\r\n", "From a@b Mon\nFrom: a@b\nTo: c\n\n"},
		"image/png":  {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"},
		"image/jpeg": {"\xFF\xD8\xFF\xE0\x00\x10JFIF"},
		Unknown:      {"\x00\x01\x02\x03\x04"},
	} {
		for _, head := range heads {
			if got := Sniff([]byte(head)); got != want {
				t.Errorf("Sniff(%q) = %s, want %s", head, got, want)
			}
		}
	}
	// More than HeadSize changes nothing.
	long := strings.Repeat("word ", HeadSize) + "\x00"
	if got := Sniff([]byte(long)); got != Text {
		t.Errorf("long text: %s", got)
	}
}

func TestRefine(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{Text, "text/markdown; charset=utf-8", Markdown},
		{Text, "Text/CSV", CSV},
		{Text, PDF, Text},
		{Text, HTML, Text},
		{PDF, Markdown, PDF},
		{HTML, Text, HTML},
	} {
		if got := Refine(c[0], c[1]); got != c[2] {
			t.Errorf("Refine(%s, %s) = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte("From: a\nTo: b\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		got := Sniff(head)
		if got == "" || strings.ContainsAny(got, "; \n") || got != strings.ToLower(got) {
			t.Fatalf("%q", got)
		}
	})
}
