package migrate

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"docuvault/shared/secret"
)

// scramVerifier returns what PostgreSQL stores for a password (RFC 5803,
// RFC 7677). Only printable ASCII: there RFC 4013's preparation of strings
// changes nothing.
func scramVerifier(password secret.Text) (string, error) {
	const iterations = 4096 // PostgreSQL's own default
	text := password.Reveal()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", errors.New("should be printable ASCII and not empty")
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, text, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	client := sha256.Sum256(sum(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(client[:]), encode(sum(salted, "Server Key"))), nil
}

func sum(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
