package mail_test

import (
	"bytes"
	"net/http"
	"testing"

	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/vaulttest"
)

// No mail, and no message to the worker, holds a word of a document or of the
// user, whatever it is about.
func TestNoMailHoldsAWord(t *testing.T) {
	t.Parallel()
	w, inbox := vault(t)
	c := clients(w).SignUp(t, "ada@example.org")
	user, err := id.Parse(c.Grant.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	u := &vaulttest.User{World: w, ID: user, Token: c.Token}
	planted := []string{"Quillfeather", "Ostrichfarm", "Lindwurmtal", "Zanzibarblau", "Feuerkroete", authtest.Password}
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": planted[0]}).JSON(t, http.StatusOK, nil)
	d := u.Analyzed(t, planted[1]+".txt", "text/plain", []byte("Invoice about "+planted[2]+", amount due 119.00 EUR."))
	c.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"topic": planted[3], "tags": []string{planted[4]}}).JSON(t, http.StatusOK, nil)
	for _, kind := range letter.Kinds {
		dedupe := id.New().String()
		if kind == letter.NewDevice || kind == letter.Replayed {
			dedupe = sessionOf(t, w, c.Grant.User.ID)
		}
		owe(t, w, user, kind, dedupe)
	}
	for _, l := range owed(t, w, c.Grant.User.ID) {
		if body := l.Encode(); len(body) != len(`{"user_id":"","mail_id":""}`)+2*36 {
			t.Errorf("a message holds more than two ids: %s", body)
		}
		deliver(t, w, l)
	}
	got := inbox.To(t, "ada@example.org")
	if len(got) != len(letter.Kinds) {
		t.Errorf("%d mails, want %d", len(got), len(letter.Kinds))
	}
	for _, m := range got {
		source := inbox.Source(t, m)
		for _, word := range planted {
			if bytes.Contains(bytes.ToLower(source), bytes.ToLower([]byte(word))) {
				t.Errorf("%q holds %s", m.Subject, word)
			}
		}
		if bytes.Contains(source, []byte("{{")) || bytes.Contains(source, []byte("<no value>")) {
			t.Errorf("%q has a hole in it", m.Subject)
		}
	}
}

func sessionOf(t *testing.T, w *vaulttest.World, user string) string {
	t.Helper()
	return dbtest.Query1[string](t, w.DB, `SELECT id::text FROM sessions WHERE user_id = $1`, user)
}
