package secretsmanager

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
)

const (
	service   = "secretsmanager"
	algorithm = "AWS4-HMAC-SHA256"
)

// sign signs a request whose path is / and which has no query, with AWS
// Signature Version 4 ("Create a signed AWS API request", IAM User Guide).
func (c *Client) sign(req *http.Request, body []byte, region string) error {
	key, keySecret := c.lookup("AWS_ACCESS_KEY_ID"), c.lookup("AWS_SECRET_ACCESS_KEY")
	if key == "" || keySecret == "" {
		return errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: only where the platform gives its role's credentials there, as Lambda does, is a secret read by its ARN")
	}
	at := c.now().UTC()
	req.Header.Set("X-Amz-Date", at.Format("20060102T150405Z"))
	if token := c.lookup("AWS_SESSION_TOKEN"); token != "" {
		req.Header.Set("X-Amz-Security-Token", token)
	}
	values := map[string]string{"host": req.URL.Host}
	names := []string{"host"}
	for name := range req.Header {
		lower := strings.ToLower(name)
		names = append(names, lower)
		values[lower] = strings.TrimSpace(req.Header.Get(name))
	}
	slices.Sort(names)
	var canonical strings.Builder
	canonical.WriteString(req.Method + "\n/\n\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + values[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical.WriteString("\n" + signed + "\n" + digest(body))

	day := at.Format("20060102")
	scope := day + "/" + region + "/" + service + "/aws4_request"
	derived := []byte("AWS4" + keySecret)
	for _, step := range []string{day, region, service, "aws4_request"} {
		derived = mac(derived, step)
	}
	text := algorithm + "\n" + req.Header.Get("X-Amz-Date") + "\n" + scope + "\n" + digest([]byte(canonical.String()))
	req.Header.Set("Authorization", algorithm+" Credential="+key+"/"+scope+
		", SignedHeaders="+signed+", Signature="+hex.EncodeToString(mac(derived, text)))
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
