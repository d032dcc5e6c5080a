package storage_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"docuvault/shared/storage"
)

// What the page's policy allows is where signed URLs lead, whatever the client
// makes of an address.
func TestOriginsAreWhereSignedURLsLead(t *testing.T) {
	t.Parallel()
	for _, vars := range [][]string{
		{"S3_ENDPOINT=http://minio:9000"},
		{"S3_ENDPOINT=http://minio:9000", "S3_PUBLIC_ENDPOINT=https://files.example:8443"},
		{"S3_REGION=us-east-1"},
		{"S3_REGION=eu-central-1", "S3_BUCKET=papers", "S3_DERIVED_BUCKET=previews"},
	} {
		env := newEnv(t, append([]string{"S3_ACCESS_KEY=key", "S3_SECRET_KEY=secret"}, vars...)...)
		origins, err := storage.Origins(env)
		if err != nil {
			t.Fatal(err)
		}
		store, err := storage.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		for _, bucket := range []storage.Backend{store.Documents, store.Derived} {
			signer, err := storage.As[storage.Presigner](bucket)
			if err != nil {
				t.Fatal(err)
			}
			r, err := signer.PresignGet(t.Context(), "k", storage.GetTerms{TTL: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(r.URL)
			if err != nil || !slices.Contains(origins, u.Scheme+"://"+u.Host) {
				t.Errorf("%v: a URL leads to %s://%s, the origins are %v", vars, u.Scheme, u.Host, origins)
			}
		}
	}
	env := newEnv(t, "S3_ENDPOINT=http://127.0.0.1:9000", "S3_PUBLIC_ENDPOINT="+storage.SameOrigin, "S3_ACCESS_KEY=key", "S3_SECRET_KEY=secret")
	if origins, err := storage.Origins(env); err != nil || len(origins) != 0 {
		t.Errorf("on one origin: %v, %v", origins, err)
	}
}
