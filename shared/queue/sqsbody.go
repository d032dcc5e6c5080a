package queue

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// encoded begins a body that SQS could not carry as it is: the rest is base64.
//
// It is a prefix and not an attribute, since a message may have all ten of
// them. What comes from S3 itself begins with a brace, so it is never taken for
// one of these.
const encoded = "base64:"

// ToSQS is the text by which a body travels in SQS, which takes one or more
// characters of XML's. A body of such is its own text; any other, and one that
// would be read as another, is encoded.
func ToSQS(body []byte) string {
	text := string(body)
	if text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, notCarried) && !strings.HasPrefix(text, encoded) {
		return text
	}
	return encoded + base64.StdEncoding.EncodeToString(body)
}

// FromSQS is the body that a text of SQS stands for: also for whoever gets the
// message from Lambda's poller. A text that is not ours is its own body.
func FromSQS(text string) []byte {
	if rest, ok := strings.CutPrefix(text, encoded); ok {
		if body, err := base64.StdEncoding.Strict().DecodeString(rest); err == nil {
			return body
		}
	}
	return []byte(text)
}
