package canary_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"docuvault/shared/canary"
)

func TestAPlantedValueIsFoundHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	const word = "zanzibarquill & söhne"
	var s canary.Set
	s.Plant("a word", word)
	for name, text := range map[string]string{
		"plain": word, "upper case": strings.ToUpper(word), "query": url.QueryEscape(word), "path": url.PathEscape(word),
		"JSON": `zanzibarquill \u0026 söhne`, "hexadecimal": hex.EncodeToString([]byte(word)),
		"base64": base64.StdEncoding.EncodeToString([]byte(word)), "base64 after one": base64.StdEncoding.EncodeToString([]byte("a" + word + "b")),
		"base64 after two": base64.StdEncoding.EncodeToString([]byte("ab" + word)), "base64 after three": base64.StdEncoding.EncodeToString([]byte("abc" + word + "d")),
	} {
		if found := s.Find([]byte("before " + text + " after")); len(found) == 0 {
			t.Errorf("%s: %s is not found", name, text)
		}
	}
	if found := s.Find([]byte("before zanzibarquil and sohne after")); len(found) != 0 {
		t.Errorf("found %q", found)
	}
}

func TestASecretIsFoundByItsShape(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"PUT https://s3.example/b/k?X-Amz-Signature=0a1b", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln", "token dvt_" + strings.Repeat("a", 43),
		"Authorization: Bearer abcdefghijklmnop", "postgres://app:word@localhost/db", "otpauth://totp/x",
	} {
		if len(canary.Shapes([]byte("{ "+text+" }"))) == 0 {
			t.Errorf("%s is not found", text)
		}
	}
	if found := canary.Shapes([]byte(`{"msg":"request","route":"/v1/me","error":"dial tcp 127.0.0.1:5432: refused","url":"https://localhost:8080/a"}`)); len(found) != 0 {
		t.Errorf("found %q in an innocent line", found)
	}
}
