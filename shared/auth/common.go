package auth

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed commonpasswords.txt
var commonPasswords string

// commonList is the sorted list of passwords that many people have; read when
// the first new password is checked, not at each start.
var commonList = sync.OnceValue(func() []string {
	var list []string
	for line := range strings.Lines(commonPasswords) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") && line != "#" {
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return list
})

// isCommon reports whether a password is on the list, in any case (ASVS 5.0
// item 6.2.4).
func isCommon(password string) bool {
	_, found := slices.BinarySearch(commonList(), strings.ToLower(password))
	return found
}
