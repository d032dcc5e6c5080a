package search

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

func testKeys(t testing.TB) *keys.User {
	t.Helper()
	master, err := keys.Generate("t1")
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.ParseSet("MASTER_KEYS", secret.New(master.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	ring := keys.NewRing(set, time.Now)
	user := id.New()
	wrapped, err := ring.NewWrapped(user)
	if err != nil {
		t.Fatal(err)
	}
	u, err := ring.Unwrap(user, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

var tokenForm = regexp.MustCompile(`^'([A-Za-z0-9_-]{12})':(\d+(?:,\d+)*)$`)

// parseRow reads a row back: token -> places.
func parseRow(t *testing.T, row string) map[string][]int {
	t.Helper()
	all := map[string][]int{}
	for _, field := range strings.Fields(row) {
		m := tokenForm.FindStringSubmatch(field)
		if m == nil {
			t.Fatalf("not a token of a tsvector: %q", field)
		}
		for _, place := range strings.Split(m[2], ",") {
			n, _ := strconv.Atoi(place)
			all[m[1]] = append(all[m[1]], n)
		}
	}
	return all
}

// Every nine places that follow each other are together in one row.
func TestRowsOverlap(t *testing.T) {
	t.Parallel()
	u := testKeys(t)
	for _, words := range []int{0, 1, rowWords - 1, rowWords, rowWords + 1, 2*rowWords - Overlap, 2*rowWords - Overlap + 1, 25_000} {
		var text strings.Builder
		for i := range words {
			_, _ = fmt.Fprintf(&text, "w%d ", i)
		}
		rows := slices.Collect(rowsOf(u, text.String(), "en"))
		long := u.SearchToken(longMark)
		next := 0 // the first word that no row has yet
		for n, row := range rows {
			places := parseRow(t, row)
			if _, marked := places[long]; marked != (len(rows) > 1) {
				t.Errorf("%d words, row %d of %d: marked as long: %v", words, n, len(rows), marked)
			}
			first := max(0, next-Overlap)
			for i := first; ; i++ {
				at, ok := places[u.SearchToken(fmt.Sprintf("w%d", i))]
				if !ok {
					if i <= next && words > 0 {
						t.Fatalf("%d words: row %d does not go on at %d", words, n, next)
					}
					next = i
					break
				}
				if len(at) != 1 || at[0] != i-first+1 || at[0] > rowWords {
					t.Fatalf("%d words: row %d has word %d at %v", words, n, i, at)
				}
			}
		}
		if next != words {
			t.Errorf("%d words, %d are indexed", words, next)
		}
	}
}

// Whatever the text, PostgreSQL takes its rows, and keeps every place.
func TestRowsKeepTheLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	unique := func(format string, n int) string {
		var text strings.Builder
		for i := range n {
			_, _ = fmt.Fprintf(&text, format, i*7919)
		}
		return text.String()
	}
	for name, text := range map[string]string{
		"one word again and again": strings.Repeat("und ", 40_000),
		"two words":                strings.Repeat("die Rechnung ", 10_000),
		"long different words":     unique("Haftpflichtversicherungsbeitragsrechnungsnummer%x ", 20_000),
		"compounds":                unique("Versicherungsvertragsunterlagenprüfungsbericht ab%xcd", 10_000),
		"numbers":                  unique("%08d-12.03.2024/1.234,56 ", 20_000),
		"binary":                   strings.Repeat("\x00\xff\x80'\\:,", 100_000),
		"quotes":                   strings.Repeat(`' \ '':1A `, 10_000) + "end",
	} {
		for row := range rowsOf(u, text, "de") {
			for token, places := range parseRow(t, row) {
				if len(places) > maxSame || places[len(places)-1] > rowWords {
					t.Errorf("%s: token %s has %d places, up to %d", name, token, len(places), places[len(places)-1])
				}
			}
			if size := dbtest.Query1[int](t, w.db, `SELECT octet_length($1::text::tsvector::text)`, row); size == 0 && text != "" && name != "binary" {
				t.Errorf("%s: an empty row", name)
			}
		}
		w.add(t, anna, u, paper{filename: strings.Repeat("Ä", 255), title: strings.Repeat("ab ", 166), text: text, language: "de"})
	}
}

// All of a text at the limit is found, and what is behind it is not.
func TestTextIsCutAtItsLimit(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("indexes 4 MiB")
	}
	w := newWorld(t)
	anna, u := w.user(t)
	sentence := "Sehr geehrte Damen und Herren, die Rechnung 2024-0815 über 1.234,56 EUR für Ihre Haftpflichtversicherung liegt bei. "
	text := strings.Repeat(sentence, (MaxText-20)/len(sentence)) + " letztes "
	text += strings.Repeat(" ", MaxText-len(text)) + "dahinter"
	begun := time.Now()
	rows := len(slices.Collect(rowsOf(u, text, "de")))
	made := time.Since(begun)
	document := w.add(t, anna, u, paper{text: text, language: "de"})
	t.Logf("4 MiB: %d rows, made in %v, stored in %v", rows, made, time.Since(begun)-2*made)
	for q, want := range map[string]int{"letztes": 1, "dahinter": 0, "letztes geehrte": 1, `"liegt bei sehr geehrte Damen"`: 1, "letztes -haftpflicht": 0} {
		if got := len(w.all(t, anna, q, 10)); got != want {
			t.Errorf("%q finds %d, want %d", q, got, want)
		}
	}
	if size := dbtest.Query1[int](t, w.db, `SELECT sum(pg_column_size(tsv)) FROM tokens WHERE document_id = $1`, document.String()); size > 10*MaxText {
		t.Errorf("4 MiB of text are %d bytes of tokens", size)
	}
}

func TestNamesHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	last := rowWords + Overlap
	for n, kind := range nameKinds {
		if kind.place <= last+Overlap {
			t.Errorf("name %d begins at %d, within %d of the places before", n, kind.place, Overlap)
		}
		last = kind.place + kind.words
	}
	if last > 16_383 {
		t.Errorf("places go up to %d", last)
	}
}

func BenchmarkIndexText(b *testing.B) {
	u := testKeys(b)
	sentence := "Sehr geehrte Damen und Herren, die Rechnung 2024-0815 über 1.234,56 EUR für Ihre Haftpflichtversicherung liegt bei. "
	for _, size := range []int{2 << 10, 1 << 20} {
		text := strings.Repeat(sentence, size/len(sentence))
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for range rowsOf(u, text, "de") {
				}
			}
		})
	}
}
