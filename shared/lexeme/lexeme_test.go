package lexeme

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func tokens(text, language string) string {
	var all []string
	for w := range Words(text, language) {
		t := w.Token
		if w.Stop {
			t = "(" + t + ")"
		}
		if w.Part {
			t = "+" + t
		}
		all = append(all, t)
	}
	return strings.Join(all, " ")
}

// Golden: stored tokens depend on each of these. A change needs a new Version.
func TestWordsGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ language, text, want string }{
		{"en", "The invoices were paid, and invoice 42 is payable.", "(the) invoic (were) paid (and) invoic 42 (is) payabl"},
		{"en", "Payment's due: don't wait", "payment (s) due (don) (t) wait"},
		{"de", "Die Rechnungen für Müllgebühren und eine Rechnung", "(die) rechnung (fur) mullgebuhr (und) (eine) rechnung"},
		{"de", "STRASSE Straße Strassen", "strass strass strass"},
		{"de", "GRÖSSE Größe Grösse", "gross gross gross"},
		{"de", "Haftpflicht-\nversicherung und Haft\u00ADpflicht\u00ADversicherung", "haftpflichtversicher (und) haftpflichtversicher"},
		{"de", "Haftpflicht\u00AD\n  versicherung", "haftpflichtversicher"},
		{"de", "Ein-\nund Ausgang", "(ein) (und) ausgang"},
		{"de", "Hamburg-\nAltona", "hamburg altona"},
		{"de", "Absatz-\n\nneuer", "absatz neu"},
		{"de", "E-Mail-Adresse", "emailadress +e +mail +adress"},
		{"de", "Nr. 2024-0815 vom 12.03.2024", "nr 2024-0815 +2024 +0815 (vom) 12.03.2024 +12 +03 +2024"},
		{"de", "1.234,56 EUR", "1234.56 eur"},
		{"en", "$1,234.56 or 1,234 or 1'234.50", "1234.56 (or) 1234 (or) 1234.50"},
		{"fr", "1\u00A0234\u202F567,89 euros", "1234567.89 euros"},
		{"de", "1234,5 12 1.234.567", "1234.5 12 1234567"},
		{"de", "IBAN DE89370400440532013000", "iban de89370400440532013000"},
		{"", "Caf\u00e9 Cafe\u0301 ＦＵＬＬ ﬁn Ärger ø", "cafe cafe full fin arger o"},
		{"fr", "les factures impayées de l'assurance", "(les) factur impai (de) (l) assur"},
		{"es", "las facturas", "(las) factur"},
		{"it", "le fatture", "(le) fattur"},
		{"nl", "de rekeningen", "(de) reken"},
		{"de", "Seite seit fuer fur", "seit (seit) fuer (fur)"}, // the stem of one is not the stop word of the other
		{"xx", "The Rechnungen", "the rechnungen"},
		{"en", "", ""},
		{"en", " -- ... ,,, '' \u00AD -", ""},
		{"en", "end-", "end"},
		{"en", "3.", "3"},
	} {
		if got := tokens(c.text, c.language); got != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.language, c.text, got, c.want)
		}
	}
}

func TestWordsPointIntoTheText(t *testing.T) {
	t.Parallel()
	text := "Müll-\ngebühr: 1.234,56 € am 12.03.2024, E-Mail"
	for w := range Words(text, "de") {
		if text[w.Start:w.End] != w.Surface {
			t.Errorf("%+v: the text there is %q", w, text[w.Start:w.End])
		}
	}
}

func TestAmount(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1.234,56": "1234.56", "1,234.56": "1234.56", "1234,56": "1234.56", "1234.56": "1234.56",
		"1.234": "1234", "1,5": "1.5", "1.234.567": "1234567", "12.345.678,90": "12345678.90", "0,00": "0.00",
		"12.03.2024": "", "1.2.3": "", "2024-0815": "", "10:30": "", "1234": "", "1,23,4": "", "1234.567,89": "", ",5": "", "12.34,567.8": "",
	} {
		if got, ok := Amount(in); got != want || ok != (want != "") {
			t.Errorf("Amount(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Sehr geehrte Damen und Herren, hiermit kündige ich meinen Vertrag zum nächsten Termin. Bitte bestätigen Sie mir das.":                                "de",
		"Dear Sir or Madam, I am writing to you about the invoice that was sent to me on Monday. Please let me know.":                                         "en",
		"Madame, Monsieur, nous vous prions de bien vouloir trouver ci-joint la facture pour les services de notre société.":                                  "fr",
		"Estimado señor: le enviamos la factura por los servicios que usted ha contratado con nuestra empresa para el año.":                                   "es",
		"Gentile cliente, le inviamo la fattura per i servizi che sono stati richiesti dalla sua azienda nel mese di maggio, con i dettagli della fornitura.": "it",
		"Geachte heer, hierbij sturen wij u de rekening voor de diensten die u bij ons heeft besteld. Het bedrag moet worden betaald.":                        "nl",
		"Die Rechnung ist für den Kunden und wird von uns bezahlt. The invoice is for the customer and was paid by us.":                                       "",
		"ABC-123 4711 0815 Müller GmbH":      "",
		"":                                   "",
		strings.Repeat("et ", 500):           "",
		strings.Repeat("\x00\xff\xfe", 1000): "",
		"lorem ipsum dolor sit amet consetetur et": "",
	} {
		if got := Language(text); got != want {
			t.Errorf("Language(%.40q) = %q, want %q", text, got, want)
		}
	}
}

func TestHostileTextIsBounded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"one word of 1 MB":      strings.Repeat("a", 1<<20),
		"umlauts of 1 MB":       strings.Repeat("ä", 1<<19),
		"hyphens":               strings.Repeat("a-", 1<<19),
		"line hyphens":          strings.Repeat("ab-\n", 1<<18),
		"soft hyphens":          strings.Repeat("a\u00AD", 1<<18),
		"spaces after a hyphen": strings.Repeat("a-"+strings.Repeat(" ", 200), 5000),
		"digits and points":     strings.Repeat("1.", 1<<19),
		"combining marks":       "a" + strings.Repeat("\u0301", 1<<19),
		"binary":                strings.Repeat("\x00\x80\xff\xc3", 1<<18),
	} {
		begun := time.Now()
		n := 0
		for w := range Words(text, "de") {
			if n++; utf8.RuneCountInString(w.Token) > maxToken {
				t.Fatalf("%s: a token of %d bytes", name, len(w.Token))
			}
		}
		// Generous: quadratic work on a megabyte takes minutes.
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{"", "a-\nb", "1.234,56", "E-Mail", "\u00AD", "a\u00AD\nb", "12.03.2024", "ß", "\xff", "1'234", "Müll-\n ge"} {
		f.Add(seed, "de")
	}
	f.Fuzz(func(t *testing.T, text, language string) {
		last := 0
		for w := range Words(text, language) {
			if w.Start < 0 || w.End > len(text) || w.Start >= w.End || text[w.Start:w.End] != w.Surface {
				t.Fatalf("%+v", w)
			}
			if w.Start < last {
				t.Fatalf("%+v goes back before %d", w, last)
			}
			last = w.Start
			if w.Token == "" || utf8.RuneCountInString(w.Token) > maxToken {
				t.Fatalf("token %q", w.Token)
			}
		}
		_ = Language(text)
	})
}

func BenchmarkWords(b *testing.B) {
	text := strings.Repeat("Sehr geehrte Damen und Herren, anbei erhalten Sie die Rechnung 2024-0815 über 1.234,56 EUR für Müllgebühren. ", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for range Words(text, "de") {
		}
	}
}
