package ai

import (
	"strings"
	"testing"
)

func TestDetails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, title, date, correspondent string }{
		{"Stadtwerke Blautal GmbH\nUlm, 12.03.2024\nBetreff: Ihre Jahresabrechnung  2023\nFällig am 01.04.2024", "Ihre Jahresabrechnung 2023", "2024-03-12", "Stadtwerke Blautal GmbH"},
		{"Rechnungsdatum: 3. Juni 2024\nLieferdatum 01.06.2024", "", "2024-06-03", ""},
		{"Harper & Sons Plumbing Ltd\nDate: January 12, 2024\nSubject: Kitchen tap", "Kitchen tap", "2024-01-12", "Harper & Sons Plumbing Ltd"},
		{"Finanzamt Offenburg\n77652 Offenburg, den 5.9.2023", "", "2023-09-05", "Finanzamt Offenburg"},
		{"From: Jürgen Müller <j@example.org>\nTo: me\nSubject: Hallo und danke\nDate: Tue, 02 Apr 2024 10:00:00 +0200\n\ntext", "Hallo und danke", "2024-04-02", "Jürgen Müller"},
		{"Patient Uwe Arndt, geb. 12.05.1968", "", "", ""},
		{"Brandtner GmbH · Lindenweg 14 · Stuttgart", "", "", "Brandtner GmbH"},
		{"Meeting on 03/04/2024", "", "", ""}, // which is the month?
		{"Meeting on 03/24/2024", "", "2024-03-24", ""},
		{"On 31.02.2024 and 2024-13-01", "", "", ""},
		{"Valid until 01.01.2099, dated 2099-01-01", "", "", ""},
		{"", "", "", ""},
		{"wir sind die beste ag der welt", "", "", ""},
	} {
		all, err := NewLocal(testNow).Suggest(t.Context(), Request{Text: c.text, Language: "de"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[Kind]string{}
		for _, s := range all {
			got[s.Kind] = s.Value
			for _, e := range s.Evidence {
				if !strings.Contains(c.text, e.Word) {
					t.Errorf("%q is not in the text", e.Word)
				}
			}
		}
		if got[KindTitle] != c.title || got[KindDate] != c.date || got[KindCorrespondent] != c.correspondent {
			t.Errorf("%.50q: %q", c.text, got)
		}
	}
}
