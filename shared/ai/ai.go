// Package ai suggests what a document is: its topic, title, date and
// correspondent.
//
// A [Provider] gets the opened text of one document of one user and returns
// suggestions, each with its source, a confidence and the words that decided.
// It stores nothing, and suggestions never overwrite what a person set; that is
// the caller's to hold. The provider "local" works without a network and learns
// from corrections; what it learned is kept by the caller as counts of keyed
// tokens, which hold no word.
package ai

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"docuvault/shared/host"
)

// Provider suggests. It is safe for concurrent use.
type Provider interface {
	// Name is the provider's, as in users.ai_provider; it is the Source of
	// its suggestions.
	Name() string
	// Suggest returns at most a few suggestions of each kind, best first, in
	// the order of the kinds below. An empty slice means that nothing can be
	// said. The same request gives the same answer from "local".
	Suggest(ctx context.Context, request Request) ([]Suggestion, error)
}

// Kind says what a suggestion is for.
type Kind string

// The kinds.
const (
	KindTopic         Kind = "topic"         // Value is a Topic.ID
	KindTitle         Kind = "title"         // Value is a line of the text
	KindDate          Kind = "document_date" // Value is YYYY-MM-DD
	KindCorrespondent Kind = "correspondent" // Value is a name found in the text
)

// Suggestion is one. It is JSON in the document's sealed column.
type Suggestion struct {
	Kind       Kind       `json:"kind"`
	Value      string     `json:"value"`
	Confidence float64    `json:"confidence"` // 0 to 1: how often such a suggestion is right
	Source     string     `json:"source"`     // the provider's name
	Evidence   []Evidence `json:"evidence"`   // strongest first; may be empty, never null
}

// Evidence is a word of the document that spoke for a suggestion.
type Evidence struct {
	Word string `json:"word"` // as it stands in the text
	// Weight is its share of what spoke for the suggestion, 0 to 1.
	Weight float64 `json:"weight"`
	// Learned says that it comes from the user's own corrections.
	Learned bool `json:"learned,omitempty"`
}

// Topic is one that the user has.
type Topic struct {
	ID      string // opaque
	Starter string // slug of the starter topic it began as; "" for the user's own
	Name    string // as the user named it; its words count a little
}

// StarterTopics are the slugs that every user begins with. "other" is the
// answer when nothing else fits.
var StarterTopics = []string{
	"invoice", "contract", "bank-statement", "tax", "insurance", "medical", "payslip",
	"travel", "identity", "letter", "manual", "receipt", "report", "other",
}

// Other is the starter topic of a document that fits no other.
const Other = "other"

// Request is one document.
type Request struct {
	Text     string
	Language string // ISO 639-1, or ""
	// Topics are the user's; only these are suggested.
	Topics []Topic
	// Learned is what this user's corrections taught about the tokens of this
	// document; the zero value before the first.
	Learned Learned
	// Keyer makes the tokens of Learned from words; nil when nothing is
	// learned. It must be the one that [Features] got.
	Keyer Keyer
}

// drivers are the providers that this build knows.
var drivers = map[string]func(*host.Env) (Provider, error){
	"local": openLocal,
}

// Default is the provider of a user who chose none.
const Default = "local"

// Open is the factory: it returns the provider of that name, as in
// users.ai_provider; "" is [Default]. An unknown name is an error that lists
// the known ones.
func Open(env *host.Env, name string) (Provider, error) {
	if name == "" {
		name = Default
	}
	open, ok := drivers[name]
	if !ok {
		return nil, fmt.Errorf("AI provider %q is none of %s", name, strings.Join(Names(), ", "))
	}
	return open(env)
}

// Names returns the known providers, sorted.
func Names() []string {
	names := make([]string, 0, len(drivers))
	for name := range drivers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
