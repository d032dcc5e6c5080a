// Package edition says which rules of package lexeme an index was made by, for
// those who only compare it, and should not link the rules.
package edition

// Terms is the number of the rules by which texts and names are indexed. A
// change of them needs a new one: the reconciler then has every document
// indexed anew.
const Terms = 2
