// Package mediatype tells what a file is by its bytes.
//
// Neither the name nor the announced type is believed: what is stored,
// extracted and shown inline goes by what the bytes say. The answer is one of
// a browser's usual types, lower case, without parameters, and the same for
// the same bytes.
package mediatype

import (
	"bytes"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// The types that the rest of the system speaks of by name.
const (
	PDF      = "application/pdf"
	Text     = "text/plain"
	Markdown = "text/markdown"
	HTML     = "text/html"
	CSV      = "text/csv"
	Email    = "message/rfc822"
	Word     = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	Sheet    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	Slides   = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	ODText   = "application/vnd.oasis.opendocument.text"
	ODSheet  = "application/vnd.oasis.opendocument.spreadsheet"
	ODSlides = "application/vnd.oasis.opendocument.presentation"
	Unknown  = "application/octet-stream"
)

// HeadSize is how many bytes of a file's start Sniff looks at, at most; fewer
// only make it less sure.
const HeadSize = 3072

// Sniff returns the type of a file that starts with head. An empty head is
// text/plain: an empty file reads as empty text. What nothing matches is
// application/octet-stream.
//
// Markdown cannot be told from text by its bytes and comes out as text/plain;
// [Refine] helps where an announced type is at hand.
func Sniff(head []byte) string {
	if len(head) > HeadSize {
		head = head[:HeadSize]
	}
	if isPDF(head) {
		return PDF
	}
	if isEmail(head) {
		return Email
	}
	found, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	found = strings.ToLower(strings.TrimSpace(found))
	switch {
	case found == "text/tab-separated-values":
		return CSV
	case (found == Unknown || found == PDF) && looksLikeText(head):
		return Text // text that speaks of %PDF-, for one
	}
	return found
}

// isPDF allows what readers allow: junk before the header, which lies in the
// first 1024 bytes (ISO 32000-1, annex H.3.4.1), at the start of a line or
// after bytes that are no text.
func isPDF(head []byte) bool {
	i := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-"))
	return i == 0 || i > 0 && (head[i-1] == '\n' || !looksLikeText(head[:i]))
}

// Refine returns the announced type where the bytes allow it and it says more
// than they do: the sniffed type text/plain may be Markdown or CSV. In every
// other case it returns the sniffed one.
func Refine(sniffed, announced string) string {
	announced, _, _ = strings.Cut(strings.ToLower(announced), ";")
	announced = strings.TrimSpace(announced)
	if sniffed == Text && (announced == Markdown || announced == CSV) {
		return announced
	}
	return sniffed
}

// isEmail reports whether head starts with header fields of RFC 5322 and has
// at least one that a letter always has. mimetype does not know the type.
func isEmail(head []byte) bool {
	known, lines := 0, 0
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		if lines > 0 && (line[0] == ' ' || line[0] == '\t') {
			continue // a folded field
		}
		if lines == 0 && bytes.HasPrefix(line, []byte("From ")) {
			lines++
			continue // an mbox separator
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || !fieldName(name) {
			// The head may end inside a line; anything else is no header.
			if lines > 0 && known >= 2 {
				break
			}
			return false
		}
		switch strings.ToLower(string(name)) {
		case "from", "received", "return-path", "mime-version", "message-id", "delivered-to", "dkim-signature":
			known++
		case "to", "subject", "date", "cc", "content-type", "reply-to":
			known++
		}
		lines++
	}
	return known >= 2
}

func fieldName(name []byte) bool {
	if len(name) == 0 || len(name) > 76 {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c >= 127 {
			return false
		}
	}
	return true
}

// looksLikeText reports whether no byte is a control character that text does
// not use.
func looksLikeText(head []byte) bool {
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return false
		}
	}
	return true
}
