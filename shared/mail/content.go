package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"
)

// Kind is what a message is about. Kinds are stored, and never renamed.
type Kind string

// The kinds.
const (
	Verify    Kind = "verify"           // prove the address; has a link
	Reset     Kind = "reset"            // choose a new password; has a link
	NewDevice Kind = "new_device"       // somebody signed in on an unknown device
	Replayed  Kind = "refresh_replayed" // an old token came again
	Quota80   Kind = "quota_80"
	Quota95   Kind = "quota_95"
)

// ResetMinutes is how long the link of [Reset] works.
const ResetMinutes = 10

// Kinds are all of them.
var Kinds = []Kind{Verify, Reset, NewDevice, Replayed, Quota80, Quota95}

// Content is a message in words.
type Content struct{ Subject, Text, HTML string }

//go:embed templates
var files embed.FS

var (
	texts = template.Must(template.ParseFS(files, "templates/*.txt"))
	page  = htmltemplate.Must(htmltemplate.ParseFS(files, "templates/page.html"))
)

// Render writes the message of a kind in a language ("de", else English). link
// is where its button leads, under PUBLIC_URL. The template's first line is the
// subject; a paragraph that is the link alone becomes one in the HTML form, so
// that both forms say the same.
func Render(kind Kind, locale, link string) (Content, error) {
	if locale != "de" {
		locale = "en"
	}
	var out strings.Builder
	if err := texts.ExecuteTemplate(&out, string(kind)+"."+locale+".txt", map[string]any{"Link": link, "Minutes": ResetMinutes}); err != nil {
		return Content{}, fmt.Errorf("mail: template %s.%s: %w", kind, locale, err)
	}
	subject, text, _ := strings.Cut(out.String(), "\n")
	text = strings.TrimSpace(text) + "\n"
	var html strings.Builder
	err := page.Execute(&html, map[string]any{
		"Locale": locale, "Subject": subject, "Link": link, "Paragraphs": strings.Split(strings.TrimSpace(text), "\n\n"),
	})
	if err != nil {
		return Content{}, fmt.Errorf("mail: page: %w", err)
	}
	return Content{subject, text, html.String()}, nil
}
