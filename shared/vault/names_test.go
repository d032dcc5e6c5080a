package vault_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"docuvault/shared/vault"
)

func TestCleanFilename(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a.txt": "a.txt", "": "unnamed", " \t ": "unnamed", ".": "unnamed", "..": "unnamed", "....": "unnamed", ".pdf": ".pdf", "...a": "...a",
		"a/b\\c": "a_b_c", "../../etc/passwd": ".._.._etc_passwd", "C:\\x.pdf": "C:_x.pdf",
		"a\x00b\x1bc\x7fd\u0085e": "abcde", "a\u2028b\u2029c": "abc", "a\nb": "ab",
		"inv\u202efdp.exe": "invfdp.exe", "\u200e\u200f\u061ca\u2066b\u2069": "ab",
		"a\xffb\xc0": "ab", "a\ufffdb": "ab",
		"e\u0301.pdf": "é.pdf", " a b ": "a b", "日本.pdf": "日本.pdf",
		strings.Repeat("a", 300):             strings.Repeat("a", 255),
		strings.Repeat("a", 300) + ".pdf":    strings.Repeat("a", 251) + ".pdf",
		strings.Repeat("é", 255):             strings.Repeat("é", 255),
		"a." + strings.Repeat("x", 300):      "a." + strings.Repeat("x", 253),
		"a" + strings.Repeat(" ", 300) + "b": "a", "." + strings.Repeat(" ", 300) + "b": "unnamed",
		strings.Repeat("e\u0301", 300) + ".tar.gz": strings.Repeat("é", 252) + ".gz",
	} {
		if got := vault.CleanFilename(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanFilename(f *testing.F) {
	for _, s := range []string{"a.txt", "", "..", "a/b\\c\x00", "e\u0301\u202e", "\xff", strings.Repeat("ü", 300) + ".pdf", strings.Repeat("\u0301", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := vault.CleanFilename(in)
		bad := func(r rune) bool {
			return r == '/' || r == '\\' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
		}
		switch {
		case got == "", strings.Trim(got, ".") == "", !utf8.ValidString(got), strings.ContainsFunc(got, bad), utf8.RuneCountInString(got) > vault.MaxFilename:
			t.Errorf("%q became %q", in, got)
		case !norm.NFC.IsNormalString(got):
			t.Errorf("%q became %q, which is not NFC", in, got)
		case vault.CleanFilename(got) != got:
			t.Errorf("%q became %q, and then %q", in, got, vault.CleanFilename(got))
		}
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0001-01-01", "2024-02-29", "9999-12-31"} {
		if d, err := vault.ParseDate(s); err != nil || d.String() != s {
			t.Errorf("%s became %s, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "2023-02-29", "0000-01-01", "10000-01-01", "2024-1-1", "2024-01-01T00:00:00Z", "-0001-01-01", "2024-13-01"} {
		if d, err := vault.ParseDate(s); err == nil {
			t.Errorf("%q is the day %s", s, d)
		}
	}
}
