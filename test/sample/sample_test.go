package sample_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"docuvault/test/sample"
)

func TestDocumentsAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	a, b := sample.Documents(), sample.Documents()
	if len(a) < 12 {
		t.Fatalf("only %d papers", len(a))
	}
	seen := map[string]bool{}
	for i, d := range a {
		if len(d.Bytes) < 200 || !bytes.Equal(d.Bytes, b[i].Bytes) || seen[d.Path] || d.Topic == "" || d.Language == "" {
			t.Errorf("%s: %d bytes", d.Path, len(d.Bytes))
		}
		seen[d.Path] = true
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := sample.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, d := range sample.Documents() {
		if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(d.Path))); err != nil || !bytes.Equal(got, d.Bytes) {
			t.Errorf("%s: %v", d.Path, err)
		}
	}
}

// TestPDFPointsWhereItSays: a reader finds each object by the table at the end.
func TestPDFPointsWhereItSays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"one line", "(a) \\ Ärger €", strings.Repeat("line\n", 200), "a\fb\fc"} {
		pdf := sample.PDF("title", text)
		end := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)
		if end == nil {
			t.Fatal("no end")
		}
		at, _ := strconv.Atoi(string(end[1]))
		rows := regexp.MustCompile(`(\d{10}) 00000 n \n`).FindAllSubmatch(pdf[at:], -1)
		for i, row := range rows {
			offset, _ := strconv.Atoi(string(row[1]))
			if !bytes.HasPrefix(pdf[offset:], fmt.Appendf(nil, "%d 0 obj\n", i+1)) {
				t.Errorf("object %d is not at %d", i+1, offset)
			}
		}
		if len(rows) < 6 {
			t.Errorf("%d objects", len(rows))
		}
		for _, s := range regexp.MustCompile(`(?s)/Length (\d+) >>\nstream\n(.*?)endstream`).FindAllSubmatch(pdf, -1) {
			if n, _ := strconv.Atoi(string(s[1])); n != len(s[2]) {
				t.Errorf("a stream of %d bytes says %d", len(s[2]), n)
			}
		}
	}
	if got := sample.PDF("t", "Größe (1) €"); !bytes.Contains(got, []byte(`(Gr\366\337e \(1\) \200) Tj`)) {
		t.Errorf("%s", got)
	}
}
