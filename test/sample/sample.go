// Package sample makes papers as people keep them: invoices, statements,
// letters, in English and German, as PDF, Word, text, Markdown, HTML, CSV and
// e-mail.
//
// All names, numbers and amounts are made up (IBANs are the published examples
// of their format). It promises equal bytes on each call, so that tests may
// count on their hashes.
package sample

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Document is one paper.
type Document struct {
	Path     string // with slashes
	Topic    string // slug of the starter topic that a person would file it under
	Language string // ISO 639-1
	Bytes    []byte
}

// Documents returns all papers.
func Documents() []Document {
	docs := make([]Document, len(texts))
	for i, t := range texts {
		content := strings.TrimPrefix(t.text, "\n")
		body := []byte(content)
		switch path.Ext(t.path) {
		case ".pdf":
			body = PDF(strings.TrimSuffix(path.Base(t.path), ".pdf"), content)
		case ".docx":
			body = Word(content)
		case ".eml":
			body = []byte(strings.ReplaceAll(content, "\n", "\r\n")) // RFC 5322 section 2.3
		}
		docs[i] = Document{Path: t.path, Topic: t.topic, Language: t.language, Bytes: body}
	}
	return docs
}

// Write writes all papers below dir.
func Write(dir string) error {
	for _, d := range Documents() {
		name := filepath.Join(dir, filepath.FromSlash(d.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := os.WriteFile(name, d.Bytes, 0o600); err != nil {
			return fmt.Errorf("write paper: %w", err)
		}
	}
	return nil
}
