package storage_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/storage"
	"docuvault/shared/storage/storagetest"
)

func TestS3Conforms(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, storagetest.S3)
}

func newEnv(t testing.TB, vars ...string) *host.Env {
	t.Helper()
	env, err := host.NewEnv(vars, slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	return env
}

// The environment of a deployment opens the same Store for every function of a
// process, and finds what another process wrote.
func TestOpen(t *testing.T) {
	t.Parallel()
	vars := storagetest.Environ(t)
	env := newEnv(t, vars...)
	first, err := storage.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	second, err := storage.Open(env)
	if err != nil || first != second {
		t.Errorf("opened twice: %p, %p, %v", first, second, err)
	}
	other, err := storage.Open(newEnv(t, vars...))
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]storage.Backend{
		"documents": {first.Documents, other.Documents}, "derived": {first.Derived, other.Derived},
	} {
		if err := pair[0].Put(t.Context(), "k", strings.NewReader(name), int64(len(name)), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		body, _, err := pair[1].Get(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(body); err != nil || string(got) != name {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
		_ = body.Close()
	}
	if err := first.EnsureBuckets(t.Context()); err != nil {
		t.Errorf("buckets that exist: %v", err)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := []string{"S3_ENDPOINT=http://127.0.0.1:9000", "S3_ACCESS_KEY=key", "S3_SECRET_KEY=planted"}
	if _, err := storage.Open(newEnv(t, good...)); err != nil {
		t.Fatalf("a good environment: %v", err)
	}
	if _, err := storage.Open(newEnv(t)); err != nil {
		t.Fatalf("an empty environment means AWS and a role: %v", err)
	}
	for _, test := range []struct{ set, want string }{
		{"S3_ENDPOINT=127.0.0.1:9000", "S3_ENDPOINT: this has to be an address like https://"},
		{"S3_ENDPOINT=ftp://planted@host", "S3_ENDPOINT: this has to be an address like https://"},
		{"S3_ENDPOINT=https://u:planted@host", "S3_ENDPOINT: this has to be scheme, host and port only"},
		{"S3_PUBLIC_ENDPOINT=https://host/path", "S3_PUBLIC_ENDPOINT: this has to be scheme, host and port only"},
		{"S3_BUCKET=Docu_Vault", `S3_BUCKET: "Docu_Vault" is no bucket name`},
		{"S3_DERIVED_BUCKET=a.b", `S3_DERIVED_BUCKET: "a.b" is no bucket name`},
		{"S3_DERIVED_BUCKET=docuvault", "two buckets"},
		{"S3_ACCESS_KEY=", "S3_SECRET_KEY is set and S3_ACCESS_KEY is not"},
		{"S3_SECRET_KEY=", "S3_ACCESS_KEY is set and S3_SECRET_KEY is not"},
	} {
		_, err := storage.Open(newEnv(t, append(good, test.set)...))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.set, err, test.want)
		} else if strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: a secret is in the message: %v", test.set, err)
		}
	}
}

// Which address URLs are signed for, and with which credentials. None of this
// reaches a network: no such server exists.
func TestSigningAddressAndCredentials(t *testing.T) {
	t.Parallel()
	role := []string{"AWS_ACCESS_KEY_ID=ROLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=session/token=="}
	keys := []string{"S3_ACCESS_KEY=KEY", "S3_SECRET_KEY=secret"}
	for name, test := range map[string]struct {
		vars              []string
		base, user, token string
	}{
		"AWS by its role":    {append(role, "S3_REGION=eu-central-1"), "https://docuvault.s3.dualstack.eu-central-1.amazonaws.com/", "ROLE/", "session/token=="},
		"an endpoint":        {append(keys, "S3_ENDPOINT=http://minio:9000"), "http://minio:9000/docuvault/", "KEY/", ""},
		"a public endpoint":  {append(keys, "S3_ENDPOINT=http://minio:9000", "S3_PUBLIC_ENDPOINT=https://files.example"), "https://files.example/docuvault/", "KEY/", ""},
		"keys before a role": {append(append(keys, role...), "S3_ENDPOINT=http://minio:9000"), "http://minio:9000/docuvault/", "KEY/", ""},
	} {
		store, err := storage.Open(newEnv(t, test.vars...))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := storage.As[storage.Presigner](store.Documents)
		if err != nil {
			t.Fatal(err)
		}
		r, err := signer.PresignGet(t.Context(), "u/d/k.pdf", storage.GetTerms{TTL: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(r.URL, test.base+"u/d/k.pdf?") {
			t.Errorf("%s: signed for %s%s", name, u.Host, u.Path)
		}
		if q := u.Query(); !strings.HasPrefix(q.Get("X-Amz-Credential"), test.user) || q.Get("X-Amz-Security-Token") != test.token {
			t.Errorf("%s: credential %s, token %q", name, q.Get("X-Amz-Credential"), q.Get("X-Amz-Security-Token"))
		}
		for _, printed := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), r.LogValue().String()} {
			if strings.Contains(printed, "X-Amz") {
				t.Errorf("%s: a log would hold %s", name, printed)
			}
		}
	}
}

// A server that is not there is "unavailable" to callers and to clients, and
// the error holds no URL.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(newEnv(t, "S3_ENDPOINT=http://"+address, "S3_ACCESS_KEY=key", "S3_SECRET_KEY=secret"))
	if err != nil {
		t.Fatalf("opening reached for the network: %v", err)
	}
	b := store.Documents
	_, stat := b.Stat(t.Context(), "planted-key")
	_, _, read := b.Get(t.Context(), "planted-key")
	for doing, err := range map[string]error{
		"stat": stat, "get": read, "delete": b.Delete(t.Context(), "planted-key"), "health": b.Health(t.Context()),
		"put": b.Put(t.Context(), "planted-key", strings.NewReader("x"), 1, storage.PutOptions{}),
	} {
		if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound) || fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", doing, err)
		} else if strings.Contains(err.Error(), "planted-key") {
			t.Errorf("%s: the error tells a key: %v", doing, err)
		}
	}
}

func TestAsSaysWhatIsLacking(t *testing.T) {
	t.Parallel()
	five := struct{ storage.Backend }{storagetest.Start(t).Documents}
	if _, err := storage.As[storage.Presigner](five); err == nil || !strings.Contains(err.Error(), "storage.Presigner") {
		t.Errorf("five methods passed for a Presigner: %v", err)
	}
}

func BenchmarkPresignPut(b *testing.B) {
	store, err := storage.Open(newEnv(b, "S3_ENDPOINT=http://minio:9000", "S3_ACCESS_KEY=key", "S3_SECRET_KEY=secret"))
	if err != nil {
		b.Fatal(err)
	}
	signer, err := storage.As[storage.Presigner](store.Documents)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(nil)
	terms := storage.PutTerms{Size: 1, ContentType: "application/pdf", SHA256: sum[:], TTL: time.Minute}
	b.Run("configured", func(b *testing.B) {
		for b.Loop() {
			if _, err := signer.PresignPut(b.Context(), "u/d/k.pdf", terms); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("request's host", func(b *testing.B) {
		for b.Loop() {
			at, err := signer.At("https://vault.example")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := at.PresignPut(b.Context(), "u/d/k.pdf", terms); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// On one origin the address of the request counts, elsewhere never: a client
// chooses its Host header.
func TestSignerForTheRequest(t *testing.T) {
	t.Parallel()
	reached := &url.URL{Scheme: "https", Host: "vault.example:8443", Path: "/v1/uploads"}
	for public, want := range map[string]string{
		storage.SameOrigin:      "https://vault.example:8443/docuvault/k?",
		"":                      "http://minio:9000/docuvault/k?",
		"https://files.example": "https://files.example/docuvault/k?",
	} {
		store, err := storage.Open(newEnv(t, "S3_ENDPOINT=http://minio:9000", "S3_PUBLIC_ENDPOINT="+public, "S3_ACCESS_KEY=key", "S3_SECRET_KEY=secret"))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := store.Signer(reached)
		if err != nil {
			t.Fatal(err)
		}
		r, err := signer.PresignGet(t.Context(), "k", storage.GetTerms{TTL: time.Minute})
		if err != nil || !strings.HasPrefix(r.URL, want) {
			t.Errorf("S3_PUBLIC_ENDPOINT=%s: signed for another address than %s, %v", public, want, err)
		}
	}
}
