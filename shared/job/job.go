// Package job names the queues and the messages in them. A message holds ids
// and nothing else; whoever consumes it looks the state up.
package job

import (
	"encoding/json"
	"errors"

	"docuvault/shared/id"
)

// The queues.
const (
	// UploadComplete carries S3 event records, of which bucket and key are read.
	UploadComplete = "uploadcomplete"
	// Analyze carries a [Document] whose text and topic are to be found.
	Analyze = "analyze"
	// Purge carries a [Document] that is to be deleted for good.
	Purge = "purge"
	// Erase carries an [Account] that was deleted and is to leave nothing behind.
	Erase = "erase"
	// Mail carries a [Letter] that is to be sent.
	Mail = "mail"
)

// Document is a message about one document.
type Document struct {
	User     id.ID `json:"user_id"`
	Document id.ID `json:"document_id"`
}

// Encode returns the message's body.
func (d Document) Encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic("job: " + err.Error()) // two ids always marshal
	}
	return b
}

// Bodies are the bodies of a message about each of a user's documents.
func Bodies(user id.ID, documents []id.ID) [][]byte {
	bodies := make([][]byte, len(documents))
	for i, document := range documents {
		bodies[i] = Document{User: user, Document: document}.Encode()
	}
	return bodies
}

// Account is a message about one account.
type Account struct {
	User id.ID `json:"user_id"`
}

// Encode returns the message's body.
func (a Account) Encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic("job: " + err.Error()) // an id always marshals
	}
	return b
}

// DecodeAccount reads a message's body, or returns ErrForeign.
func DecodeAccount(body []byte) (Account, error) {
	var a Account
	if err := json.Unmarshal(body, &a); err != nil || a.User.IsNil() {
		return Account{}, ErrForeign
	}
	return a, nil
}

// Letter is a message about one mail. Its user need not exist: whether an
// address has an account does not show in what is sent.
type Letter struct {
	User id.ID `json:"user_id"`
	Mail id.ID `json:"mail_id"`
}

// Encode returns the message's body.
func (l Letter) Encode() []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic("job: " + err.Error()) // two ids always marshal
	}
	return b
}

// DecodeLetter reads a message's body, or returns ErrForeign.
func DecodeLetter(body []byte) (Letter, error) {
	var l Letter
	if err := json.Unmarshal(body, &l); err != nil || l.User.IsNil() || l.Mail.IsNil() {
		return Letter{}, ErrForeign
	}
	return l, nil
}

// ErrForeign says that a message is not one of ours; trying again cannot help.
var ErrForeign = errors.New("job: not a message of this system")

// Decode reads a message's body, or returns ErrForeign.
func Decode(body []byte) (Document, error) {
	var d Document
	if err := json.Unmarshal(body, &d); err != nil || d.User.IsNil() || d.Document.IsNil() {
		return Document{}, ErrForeign
	}
	return d, nil
}
