//go:build !wycheproof

package wycheproof

import "testing"

// Without the tag, packages seal and keys do not show the functions that the
// vectors need.
func TestTag(t *testing.T) {
	t.Fatal("these tests need their tag: go test -tags wycheproof ./... here, or make test TEST=./test/wycheproof")
}
