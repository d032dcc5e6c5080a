package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/mail"
)

func TestWhereMailsGo(t *testing.T) {
	t.Parallel()
	const smtp = "smtp://mail.example.org?from=v@example.org"
	for what, c := range map[string]struct {
		vars               embedded.Vars
		addr               string
		folder, site       string
		mail, verification string
	}{
		"this machine alone":       {embedded.Vars{}, "127.0.0.1:8080", filepath.Join("data", "mail"), "http://localhost:8080", "on", "off"},
		"and a verification":       {embedded.Vars{"EMAIL_VERIFICATION": "required"}, "[::1]:8080", filepath.Join("data", "mail"), "http://localhost:8080", "on", "required"},
		"and an address":           {embedded.Vars{"PUBLIC_URL": "https://v.example.org"}, "127.0.0.1:8080", filepath.Join("data", "mail"), "", "on", "off"},
		"and no mail":              {embedded.Vars{"MAIL": "off"}, "127.0.0.1:8080", "", "http://localhost:8080", "off", "off"},
		"and a server":             {embedded.Vars{"SMTP_URL": smtp}, "127.0.0.1:8080", "", "http://localhost:8080", "", ""},
		"and a server from a file": {embedded.Vars{"SMTP_URL_FILE": "/x"}, "127.0.0.1:8080", "", "http://localhost:8080", "", ""},
		"other machines":           {embedded.Vars{}, "0.0.0.0:8080", "", "", "", "off"},
		"other machines, a server": {embedded.Vars{"SMTP_URL": smtp, "PUBLIC_URL": "https://v.example.org"}, "192.0.2.1:8080", "", "", "", ""},
	} {
		addr, err := net.ResolveTCPAddr("tcp", c.addr)
		if err != nil {
			t.Fatal(err)
		}
		l := letterboxFor(c.vars, "http://"+readable(addr), addr, "data")
		if l.folder != c.folder || string(l.site) != c.site || c.vars["MAIL"] != c.mail || c.vars["EMAIL_VERIFICATION"] != c.verification {
			t.Errorf("%s: %+v, MAIL=%q EMAIL_VERIFICATION=%q", what, l, c.vars["MAIL"], c.vars["EMAIL_VERIFICATION"])
		}
	}
}

// What the letterbox provides is what the mail worker takes; the log says it.
func TestTheLetterbox(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	env, err := host.NewEnv(nil, logger, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "mail")
	letterbox{folder: folder, site: "http://localhost:8080"}.provide(env, logger)
	missing := errors.New("not provided")
	sender, err := host.Resource(env, func(*host.Env) (mail.Sender, error) { return nil, missing })
	if err != nil {
		t.Fatal(err)
	}
	if site, err := host.Resource(env, func(*host.Env) (mail.Site, error) { return "", missing }); err != nil || site != "http://localhost:8080" {
		t.Errorf("%q, %v", site, err)
	}
	if err := sender.Send(context.Background(), mail.Message{ID: id.New(), To: "ada@example.org", Content: mail.Content{Subject: "s", Text: "t", HTML: "h"}}); err != nil {
		t.Fatal(err)
	}
	if found, err := os.ReadDir(folder); err != nil || len(found) != 1 || filepath.Ext(found[0].Name()) != ".eml" {
		t.Errorf("%v, %v", found, err)
	}
	if !strings.Contains(log.String(), "SMTP_URL is not set") || !strings.Contains(log.String(), folder) {
		t.Errorf("the log says %s", log.String())
	}
}
