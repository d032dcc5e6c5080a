package analysis_test

import (
	"bytes"
	"image/png"
	"net/http"
	"os"
	"testing"
	"time"

	"docuvault/shared/extract"
	"docuvault/shared/ocr/ocrtest"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

// photographed is a paper as a camera sees it: a picture of its first page.
func photographed(t testing.TB, text string) []byte {
	t.Helper()
	e, err := extract.New(extract.DefaultLimits, "", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	pdf := sample.PDF("", text)
	page, err := e.FirstPage(t.Context(), bytes.NewReader(pdf), int64(len(pdf)), 2400, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, page); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type text struct {
	Text, Source, Note string
	Truncated          bool
}

func textOf(t testing.TB, u *vaulttest.User, d vaulttest.Document) (read text) {
	t.Helper()
	u.Call(t, http.MethodGet, of(d.ID)+"/text", nil).JSON(t, http.StatusOK, &read)
	return read
}

// A photograph of an invoice is one: it is found by its words, and its topic is
// suggested. Where nobody can read pictures, the vault says so, and reads it when
// it is asked again after somebody can.
func TestPicturesOfPapers(t *testing.T) {
	t.Parallel()
	ocrtest.Installed(t)
	invoice := photographed(t, "Rechnung Nr. 2024-0815\nWir berechnen Ihnen für die Reparatur der Waschmaschine\nNettobetrag 100,00 EUR zuzüglich Mehrwertsteuer 19,00 EUR\nGesamtbetrag der Rechnung 119,00 EUR\nzahlbar innerhalb von 14 Tagen nach Erhalt der Rechnung")

	without := vaulttest.New(t, nil)
	u := without.User(t)
	d := u.Analyzed(t, "IMG_0815.png", "image/png", invoice)
	if read := textOf(t, u, d); d.Status != "ready" || read != (text{Source: "none", Note: "ocr_not_installed"}) {
		t.Errorf("without OCR: status %s, %+v", d.Status, read)
	}

	w := vaulttest.On(t, without.DB, map[string]string{"PATH": os.Getenv("PATH")})
	u = w.User(t)
	d = u.Analyzed(t, "IMG_0815.png", "image/png", invoice)
	if read := textOf(t, u, d); read.Source != "ocr" || read.Note != "" || !bytes.Contains([]byte(read.Text), []byte("Reparatur der Waschmaschine")) {
		t.Errorf("%+v", read)
	}
	if d.Topic != "invoice" || d.Language != "de" || d.Status != "ready" {
		t.Errorf("topic %q, language %q, status %s", d.Topic, d.Language, d.Status)
	}
	var found struct{ Items []vaulttest.Document }
	u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "waschmaschine"}).JSON(t, http.StatusOK, &found)
	if len(found.Items) != 1 {
		t.Errorf("%d found", len(found.Items))
	}

	// A picture without words, and one that is none.
	for name, content := range map[string][]byte{"wood.jpg": photo(t, 600, 400), "broken.png": append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{7}, 600)...)} {
		d := u.Analyzed(t, name, "image/png", content)
		if read := textOf(t, u, d); d.Status != "ready" || read.Text != "" || read.Source != "none" {
			t.Errorf("%s: status %s, %+v", name, d.Status, read)
		}
	}
}
