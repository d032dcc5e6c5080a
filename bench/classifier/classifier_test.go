package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileOfTextAndLabelIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("label,id,text\na,1,\"one, two\"\nb,2,three\n,3,no label\nb,4,\n")
	got, err := readCSV(path)
	if err != nil || fmt.Sprint(got) != "[{one, two a} {three b}]" {
		t.Errorf("%v, %v", got, err)
	}
	write("body,label\nx,y\n")
	if _, err := readCSV(path); err == nil {
		t.Error("a file without the column was read")
	}
}

func TestASplitNeverAsksForWhatWasLearned(t *testing.T) {
	t.Parallel()
	var all []document
	for n := range 60 {
		all = append(all, document{text: fmt.Sprint("text ", n), label: string(rune('a' + n%2))})
	}
	s, err := splitOf(all, 10, 1)
	if err != nil || s.topics != 2 || len(s.train) != 20 || len(s.test) != 40 {
		t.Fatalf("%d learned, %d asked, %v", len(s.train), len(s.test), err)
	}
	learned := map[string]int{}
	for _, d := range s.train {
		learned[d.text]++
	}
	for _, d := range s.test {
		if learned[d.text] > 0 {
			t.Errorf("%q was learned", d.text)
		}
	}
	again, _ := splitOf(all, 10, 1)
	other, _ := splitOf(all, 10, 2)
	if fmt.Sprint(again) != fmt.Sprint(s) || fmt.Sprint(other) == fmt.Sprint(s) {
		t.Error("a split is not its seed's")
	}
	if _, err := splitOf(all, 30, 1); err == nil {
		t.Error("a topic without documents to ask for")
	}
}
