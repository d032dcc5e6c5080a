// Package canary finds secrets and words of users where none may be: in logs,
// problems, messages, dumps. For tests.
//
// It promises to find a planted value also where it was escaped for a URL or
// JSON, or is in the middle of hexadecimal or base64, and a secret that nobody
// planted by its shape ([Shapes]).
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"index/suffixarray"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// Set is what was planted. Its methods may be called by many goroutines.
type Set struct {
	mu    sync.Mutex
	forms map[string]string // how a value might be written down, and what it is
}

// Plant adds values; name says what they are.
func (s *Set) Plant(name string, values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms == nil {
		s.forms = map[string]string{}
	}
	for _, value := range values {
		if _, planted := s.forms[value]; planted || value == "" {
			continue
		}
		for form, text := range forms(value) {
			if len(text) >= 6 {
				s.forms[text] = name + " (" + form + ")"
			}
		}
	}
}

// Planted counts the forms that are looked for.
func (s *Set) Planted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.forms)
}

// Find says what of the set the haystack holds, with what stands around it.
func (s *Set) Find(haystack []byte) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	index := suffixarray.New(haystack)
	for text, what := range s.forms {
		if at := index.Lookup([]byte(text), 1); len(at) > 0 {
			found = append(found, fmt.Sprintf("%s: %q", what, haystack[max(0, at[0]-80):min(len(haystack), at[0]+len(text)+20)]))
		}
	}
	return found
}

// forms are how a value might be written down by accident.
func forms(value string) map[string]string {
	quoted, _ := json.Marshal(value) // strings always marshal
	all := map[string]string{
		"plain": value, "in a URL": url.QueryEscape(value), "in a path": url.PathEscape(value),
		"in JSON": strings.Trim(string(quoted), `"`), "hexadecimal": hex.EncodeToString([]byte(value)),
	}
	if first := value[0]; first >= 'a' && first <= 'z' && len(value) >= 10 {
		all["capital"] = strings.ToUpper(value[:1]) + value[1:]
		all["upper case"] = strings.ToUpper(value)
	}
	// In the middle of base64 only whole groups of three bytes stand by
	// themselves.
	for shift, drop := range []int{0, 4, 4} {
		padded := strings.Repeat("x", shift) + value
		encoded := base64.StdEncoding.EncodeToString([]byte(padded[:len(padded)/3*3]))
		if len(encoded) >= drop+12 {
			all[fmt.Sprintf("base64, shifted by %d", shift)] = encoded[drop:]
		}
	}
	return all
}

// shapes are of secrets that tell what they are.
var shapes = map[string]*regexp.Regexp{
	"a presigned query":           regexp.MustCompile(`X-Amz-(?:Signature|Credential|Security-Token)`),
	"a JWT":                       regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.`),
	"an API token":                regexp.MustCompile(`dvt_[A-Za-z0-9_-]{43}`),
	"an Authorization header":     regexp.MustCompile(`(?i)bearer [A-Za-z0-9_.-]{16,}`),
	"a URL with a password":       regexp.MustCompile(`[a-z]{3,10}://[^\s/:@"]+:[^\s/@"]+@`),
	"a secret of a second factor": regexp.MustCompile(`otpauth://`),
}

// Shapes says which secrets the haystack holds by what they look like.
func Shapes(haystack []byte) (found []string) {
	for what, shape := range shapes {
		if at := shape.FindIndex(haystack); at != nil {
			found = append(found, fmt.Sprintf("%s: %q", what, bytes.TrimSpace(haystack[max(0, at[0]-80):min(len(haystack), at[0]+30)])))
		}
	}
	return found
}
