package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"
	"time"

	"docuvault/shared/letter"
)

// Content is a message in words.
type Content struct{ Subject, Text, HTML string }

//go:embed templates
var files embed.FS

var (
	texts = template.Must(template.ParseFS(files, "templates/*.txt"))
	page  = htmltemplate.Must(htmltemplate.ParseFS(files, "templates/page.html"))
)

// Details are what a message can say besides its own words: no name, no topic,
// and no text of a document is among them.
type Details struct {
	// Link is where its button leads, under PUBLIC_URL.
	Link string
	// Device and Network are what the list of sessions says of a sign-in.
	Device, Network string
	// Time is when it happened, UTC.
	Time time.Time
}

// Render writes the message of a kind in a language ("de", else English). The
// template's first line is the subject; a paragraph that is the link alone
// becomes one in the HTML form, so that both forms say the same.
func Render(kind letter.Kind, locale string, d Details) (Content, error) {
	if locale != "de" {
		locale = "en"
	}
	var out strings.Builder
	if err := texts.ExecuteTemplate(&out, string(kind)+"."+locale+".txt", map[string]any{
		"Link": d.Link, "Device": d.Device, "Network": d.Network, "Time": d.Time.UTC().Format("2006-01-02 15:04") + " UTC",
		"Minutes": int(letter.ResetTTL / time.Minute), "Hours": int(letter.VerifyTTL / time.Hour),
	}); err != nil {
		return Content{}, fmt.Errorf("mail: template %s.%s: %w", kind, locale, err)
	}
	subject, text, _ := strings.Cut(out.String(), "\n")
	text = strings.TrimSpace(text) + "\n"
	var html strings.Builder
	err := page.Execute(&html, map[string]any{
		"Locale": locale, "Subject": subject, "Link": d.Link, "Paragraphs": strings.Split(strings.TrimSpace(text), "\n\n"),
	})
	if err != nil {
		return Content{}, fmt.Errorf("mail: page: %w", err)
	}
	return Content{subject, text, html.String()}, nil
}
