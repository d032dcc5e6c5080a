package storage

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// The forms of AWS Signature Version 4 for queries.
const (
	signV4     = "AWS4-HMAC-SHA256"
	signTime   = "20060102T150405Z"
	signDate   = "20060102"
	signSuffix = "aws4_request"
)

// PresignGets implements Presigner. The library signs for the moment at which it
// is called; so it says only what the address is, and the rest is Signature
// Version 4 by its document
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html),
// with a key that is made once for all of them.
func (b *bucket) PresignGets(ctx context.Context, keys []string, t GetTerms) ([]Request, error) {
	if t.Window < time.Second || t.Window > t.TTL/2 || t.Window%time.Second != 0 {
		return nil, fmt.Errorf("storage presign: a window of %s is not from 1s to half of %s in whole seconds", t.Window, t.TTL)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	like, err := b.PresignGet(ctx, keys[0], t)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(like.URL)
	if err != nil {
		return nil, errors.New("storage presign: no address")
	}
	folder, ok := strings.CutSuffix(address.Path, keys[0])
	if !ok {
		return nil, errors.New("storage presign: an address of another form")
	}
	creds, err := b.signer.GetCreds()
	if err != nil {
		return nil, errors.New("storage presign: no credentials")
	}
	query := address.Query()
	scope := strings.Split(query.Get("X-Amz-Credential"), "/") // key, date, region, service, suffix
	if len(scope) != 5 || scope[0] != creds.AccessKeyID || query.Get("X-Amz-SignedHeaders") != "host" {
		return nil, errors.New("storage presign: a signature of another form") // or the role's keys changed this moment
	}
	at := time.Now().UTC().Truncate(t.Window)
	scope[1] = at.Format(signDate)
	query.Set("X-Amz-Credential", strings.Join(scope, "/"))
	query.Set("X-Amz-Date", at.Format(signTime))
	query.Set("X-Amz-Expires", strconv.FormatInt(int64(t.TTL/time.Second), 10))
	query.Del("X-Amz-Signature")
	encoded := strings.ReplaceAll(query.Encode(), "+", "%20")
	key := []byte("AWS4" + creds.SecretAccessKey)
	for _, part := range scope[1:] {
		key = mac(key, part)
	}
	requests := make([]Request, len(keys))
	for i, k := range keys {
		path := s3utils.EncodePath(folder + k)
		canonical := sha256.Sum256([]byte(http.MethodGet + "\n" + path + "\n" + encoded + "\nhost:" + address.Host + "\n\nhost\nUNSIGNED-PAYLOAD"))
		signature := mac(key, signV4+"\n"+at.Format(signTime)+"\n"+strings.Join(scope[1:], "/")+"\n"+hex.EncodeToString(canonical[:]))
		requests[i] = Request{
			Method: http.MethodGet, Headers: map[string]string{}, ExpiresAt: at.Add(t.TTL),
			URL: address.Scheme + "://" + address.Host + path + "?" + encoded + "&X-Amz-Signature=" + hex.EncodeToString(signature),
		}
	}
	return requests, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
