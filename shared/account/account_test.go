package account_test

import (
	"strings"
	"testing"

	"docuvault/shared/account"
	"docuvault/shared/fault"
)

func TestNormalEmail(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a@b.org":                  "a@b.org",
		" \tAda.L@Example.ORG\n":   "ada.l@example.org",
		"a+tag@b.org":              "a+tag@b.org",
		"A\u030a@b.org":            "\u00e5@b.org", // one form of Å
		"j\u00f6rg@b\u00fccher.de": "j\u00f6rg@b\u00fccher.de",
	} {
		if got, err := account.NormalEmail(in); err != nil || got != want {
			t.Errorf("NormalEmail(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", " ", "a", "@", "a@", "@b", "a b@c.org", "Ada <a@b.org>", "<a@b.org>", "a@b.org, c@d.org", "a@b.org\nBcc: c@d.org",
		"a\x00@b.org", "a@b.org(comment)", strings.Repeat("a", 250) + "@b.org",
	} {
		if got, err := account.NormalEmail(in); fault.CodeOf(err) != fault.ValidationFailed {
			t.Errorf("NormalEmail(%q) = %q, %v; want validation_failed", in, got, err)
		} else if len(in) > 5 && strings.Contains(err.Error(), in) {
			t.Errorf("the error echoes %q", in)
		}
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" Ada  Lovelace ":             "Ada Lovelace",
		"a\u202eb\u2066c":             "a b c",
		"line\none\x00two":            "line one two",
		"A\u030a":                     "\u00c5",
		"\xff\xfe":                    "",
		strings.Repeat("\u00e4", 200): strings.Repeat("\u00e4", 100),
	} {
		if got := account.CleanName(in); got != want {
			t.Errorf("CleanName(%q) = %q, want %q", in, got, want)
		}
	}
}
