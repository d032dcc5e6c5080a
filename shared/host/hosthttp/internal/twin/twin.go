// Package twin has types with the names of types elsewhere, for a test.
package twin

// Item has the name of another Item.
type Item struct {
	Twin string `json:"twin"`
}

// Input has the name of most inputs.
type Input struct {
	Body struct {
		Twin []Item `json:"twin"`
	}
}

// Output has the name of most outputs.
type Output struct {
	Body Page[Item]
}

// Page is generic.
type Page[T any] struct {
	Items []T `json:"items"`
}
