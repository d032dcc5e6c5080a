package sample

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"strings"
)

// Word sets text as a letter in Office Open XML (ECMA-376-1), each line as a
// paragraph. Equal text gives equal bytes.
func Word(text string) []byte {
	var body strings.Builder
	for line := range strings.Lines(text) {
		body.WriteString(`<w:p><w:r><w:t xml:space="preserve">`)
		_ = xml.EscapeText(&body, []byte(strings.TrimSuffix(line, "\n"))) // a Builder takes all
		body.WriteString(`</w:t></w:r></w:p>`)
	}
	const head = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, part := range []struct{ name, content string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body.String() + `</w:body></w:document>`},
	} {
		file, err := w.Create(part.name)
		if err == nil {
			_, err = file.Write([]byte(head + part.content))
		}
		if err != nil {
			panic(err) // a Buffer takes all
		}
	}
	if err := w.Close(); err != nil {
		panic(err) // a Buffer takes all
	}
	return out.Bytes()
}
