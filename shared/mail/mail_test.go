package mail_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/mail"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

const link = "https://vault.example.org/reset#token=abc"

func message(t *testing.T, kind letter.Kind, locale string) mail.Message {
	t.Helper()
	content, err := mail.Render(kind, locale, mail.Details{Link: link, Device: "Firefox on Linux", Network: "198.51.100.0/24", Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return mail.Message{ID: id.New(), To: "ada@example.org", Content: content}
}

func TestEveryKindInBothLanguages(t *testing.T) {
	t.Parallel()
	for _, kind := range letter.Kinds {
		subjects := map[string]string{}
		for _, locale := range []string{"en", "de"} {
			m := message(t, kind, locale)
			subjects[m.Subject] = locale
			if m.Subject == "" || strings.Count(m.Text, link) != 1 || !strings.Contains(m.HTML, `<a href="`+link+`">`) ||
				!strings.Contains(m.HTML, `<html lang="`+locale+`">`) {
				t.Errorf("%s.%s: %+v", kind, locale, m.Content)
			}
			for _, remote := range []string{"<img", "<link", "<script", "<style", "url(", " src="} {
				if strings.Contains(m.HTML, remote) {
					t.Errorf("%s.%s holds %s", kind, locale, remote)
				}
			}
		}
		if len(subjects) != 2 {
			t.Errorf("%s says the same in both languages", kind)
		}
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"": "",
		"smtp://u:hunter2@mail.example.org?from=v@example.org":          "",
		"smtps://u:hunter2@mail.example.org?from=v@example.org":         "",
		"smtp://mailpit:1025?from=v@example.org&tls=none":               "",
		"smtp://u:hunter2@127.0.0.1?from=v@example.org&tls=none":        "",
		"smtp://u:hunter2@mail.example.org?from=v@example.org&tls=none": "without TLS",
		"smtps://mail.example.org?from=v@example.org&tls=none":          "tls=",
		"smtp://mail.example.org?from=v@example.org&tls=maybe":          "tls=",
		"smtp://u:hunter2@mail.example.org":                             "?from=",
		"smtp://u:hunter2@mail.example.org?from=nobody":                 "from=",
		"http://u:hunter2@mail.example.org?from=v@example.org":          "want smtp://",
		"smtp://u:hunter2@:25?from=v@example.org":                       "want smtp://",
		"smtp://u:hunter2@mail.example.org:0?from=v@example.org":        "want smtp://",
	} {
		err := (&mail.Config{URL: secret.New(url)}).Validate()
		switch {
		case says == "" && err != nil, says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, want %q", url, err, says)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the password is in %v", err)
		}
	}
}

func sender(t *testing.T, url string) mail.Sender {
	t.Helper()
	cfg := mail.Config{URL: secret.New(url)}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := mail.NewSMTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMailpitGetsBothForms(t *testing.T) {
	t.Parallel()
	server, smtp, err := servers.Mailpit(t.Context())
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	m := message(t, letter.Reset, "de")
	if err := sender(t, "smtp://"+smtp+"?from=vault@example.org").Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(server.URL + "/api/v1/message/latest")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var got struct {
		MessageID, Subject, Text, HTML string
		From                           struct{ Address string }
		To                             []struct{ Address string }
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(got.Text, "\r\n", "\n")
	if got.Subject != m.Subject || strings.TrimSpace(plain) != strings.TrimSpace(m.Text) || !strings.Contains(got.HTML, link) ||
		got.From.Address != "vault@example.org" || len(got.To) != 1 || got.To[0].Address != m.To || got.MessageID != m.ID.String()+"@docuvault" {
		t.Errorf("%+v", got)
	}
	// This server has no TLS; where that is demanded, nothing is sent.
	_, port, _ := strings.Cut(smtp, ":")
	err = sender(t, "smtps://127.0.0.1:"+port+"?from=vault@example.org").Send(t.Context(), m)
	if err == nil || strings.Contains(err.Error(), m.To) {
		t.Errorf("without TLS: %v", err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	m := message(t, letter.Verify, "en")
	for range 2 {
		if err := mail.Folder(dir).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != m.ID.String()+".eml" {
		t.Fatalf("%v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
