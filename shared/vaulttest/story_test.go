package vaulttest_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/vaulttest"
)

// The whole path of one document: what a newcomer reads first.
func TestADocumentGoesInAndComesOutReady(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	content := []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days to the account below.\nNet amount 100.00, VAT 19 %, total 119.00 EUR. Invoice date 3 March 2024, due date 17 March 2024.\n")

	d := anna.Analyzed(t, "invoice.txt", "text/plain", content)

	if d.Status != "ready" || d.Topic != "invoice" || d.TopicSource != "local" || d.Language != "en" {
		t.Errorf("got status %q, topic %q by %q, language %q", d.Status, d.Topic, d.TopicSource, d.Language)
	}
	var text struct{ Text, Source string }
	anna.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/text", nil).JSON(t, http.StatusOK, &text)
	if !strings.Contains(text.Text, "2024-0815") || text.Source != "text" {
		t.Errorf("text %q from %q", text.Text, text.Source)
	}
	var me struct{ URL string }
	anna.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/download", nil).JSON(t, http.StatusOK, &me)
	resp, err := http.Get(me.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("download answered %d", resp.StatusCode)
	}
}
