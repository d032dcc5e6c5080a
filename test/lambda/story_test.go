package lambda

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/notification"

	"docuvault/db"
	"docuvault/shared/dbtest"
	"docuvault/shared/job"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// TestVaultOnLambda is the whole story on the deployed template.
func TestVaultOnLambda(t *testing.T) {
	t.Parallel()
	s := deploy(t, single)
	s.measure(t)
	s.prepare(t)
	t.Run("its S3", func(t *testing.T) { story(t, s) })
	t.Run("least privilege", func(t *testing.T) { privileges(t, s) })
	t.Run("MinIO", func(t *testing.T) {
		s.onMinIO(t)
		story(t, s)
	})
}

// TestGroupedVaultOnLambda is the story on the template of groups.
func TestGroupedVaultOnLambda(t *testing.T) {
	t.Parallel()
	s := deploy(t, grouped)
	s.measure(t)
	s.prepare(t)
	story(t, s)
}

// withoutTLS sees that buckets refuse what comes without TLS, and then takes that
// out of their policies: the emulator has none here.
func (s *stack) withoutTLS(t *testing.T) {
	t.Helper()
	content := []byte("A letter without an envelope, no. " + rand.Text())
	_, method, address, headers := s.register(t).begin(t, "open.txt", content)
	if status, said := send(t, method, address, content, headers); status != http.StatusForbidden || !bytes.Contains(said, []byte("explicit deny in a resource-based policy")) {
		t.Errorf("storage answered %d to a write without TLS: %s", status, said)
	}
	c := storage(t, s.server)
	for _, bucket := range []string{documents, derived} {
		before, err := c.GetBucketPolicy(t.Context(), bucket)
		if err != nil {
			t.Fatal(err)
		}
		var policy struct {
			Version   string
			Statement []map[string]any
		}
		if err := json.Unmarshal([]byte(before), &policy); err != nil {
			t.Fatal(err)
		}
		n := len(policy.Statement)
		policy.Statement = slices.DeleteFunc(policy.Statement, func(statement map[string]any) bool { return statement["Sid"] == "OnlyOverTLS" })
		if len(policy.Statement) != n-1 {
			t.Errorf("%s has the policy %s", bucket, before)
		}
		after, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetBucketPolicy(t.Context(), bucket, string(after)); err != nil {
			t.Fatal(err)
		}
	}
}

// privileges sees that the account refuses what policies do not allow: otherwise
// the story would prove nothing about them.
func privileges(t *testing.T, s *stack) {
	// A function that is told of a secret which it may not read does not start.
	const name = stackName + "-wellknown-jwks"
	var config struct {
		Environment struct{ Variables map[string]string }
	}
	s.call(t, http.MethodGet, "/2015-03-31/functions/"+name+"/configuration", "lambda", nil, &config)
	before := maps.Clone(config.Environment.Variables)
	configure := func() {
		s.call(t, http.MethodPut, "/2015-03-31/functions/"+name+"/configuration", "lambda", map[string]any{"Environment": config.Environment}, nil)
	}
	u := &user{s: s}
	u.call(t, http.MethodGet, "/.well-known/jwks.json", nil).decode(t, http.StatusOK, nil)
	var secrets struct{ SecretList []struct{ ARN, Name string } }
	s.call(t, http.MethodPost, "/", "secretsmanager.ListSecrets", map[string]any{}, &secrets)
	for _, found := range secrets.SecretList {
		if found.Name == "dv-MasterKeys" {
			config.Environment.Variables["MASTER_KEYS_SECRET_ARN"] = found.ARN
		}
	}
	configure()
	if a := u.call(t, http.MethodGet, "/.well-known/jwks.json", nil); a.status < http.StatusInternalServerError {
		t.Errorf("with a secret that it may not read, the function answers %d %s", a.status, a.body)
	}
	config.Environment.Variables = before
	configure()
	u.call(t, http.MethodGet, "/.well-known/jwks.json", nil).decode(t, http.StatusOK, nil)
}

// onMinIO moves the vault's storage to MinIO, which tells of objects by the
// webhook of the vault.
func (s *stack) onMinIO(t *testing.T) {
	t.Helper()
	// The HTTP API knows itself by its host's name.
	target, err := url.Parse(s.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	hook := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Host = s.api + ".execute-api." + target.Hostname()
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusNoContent {
				told.Add(1)
			}
			return nil
		},
	})
	t.Cleanup(hook.Close)
	minIO, err := servers.MinIO(t.Context(), "", servers.Webhook(hook.URL, eventToken, t.TempDir())...)
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := minIO.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := storage(t, minIO)
	for _, bucket := range []string{documents, derived} {
		if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{Region: region}); err != nil {
			t.Fatal(err)
		}
	}
	var all notification.Configuration
	one := notification.NewConfig(notification.NewArn("minio", "sqs", "", "1", "webhook"))
	one.AddEvents(notification.ObjectCreatedAll)
	all.AddQueue(one)
	// MinIO answers before it knows its own targets.
	testenv.Eventually(t, 90*time.Second, "MinIO knows the webhook", func() bool {
		err := c.SetBucketNotification(t.Context(), documents, all)
		if err != nil && minio.ToErrorResponse(err).Code != "InvalidArgument" {
			t.Fatal(err)
		}
		return err == nil
	})
	s.configure(t, "S3_BUCKET", map[string]string{"S3_ENDPOINT": minIO.URL, "S3_ACCESS_KEY": minIO.AccessKey, "S3_SECRET_KEY": minIO.SecretKey})
	// For a while after its start MinIO tells of no object.
	testenv.Eventually(t, 90*time.Second, "MinIO tells of objects", func() bool {
		key := rand.Text()
		if _, err := c.PutObject(t.Context(), documents, key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		return told.Load() > 0
	})
}

// prepare sees that the deployment has migrated, and tells its functions what is
// otherwise than on AWS.
func (s *stack) prepare(t *testing.T) {
	t.Helper()
	if version, err := db.Version(t.Context(), s.db.AsSuper(t)); err != nil || version != db.Latest() {
		t.Fatalf("the migration of the deployment has left the schema at %q, %v; want %s", version, err, db.Latest())
	}
	// What CloudFormation's parameters do not say: that AWS is elsewhere.
	s.configure(t, "SQS_QUEUE_PREFIX", map[string]string{"SQS_ENDPOINT": s.server.URL})
	s.configure(t, "S3_BUCKET", map[string]string{"S3_ENDPOINT": s.server.URL})
	s.withoutTLS(t)
	// Half an hour between two tries is for AWS.
	s.call(t, http.MethodPost, "/", "AmazonSQS.SetQueueAttributes", map[string]any{
		"QueueUrl": s.queueURL(t, job.Purge), "Attributes": map[string]string{"VisibilityTimeout": "3"},
	}, nil)
}

// story is what people do, and what happens when something breaks.
func story(t *testing.T, s *stack) {
	anna := s.register(t)
	content := []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days.\n")
	paper := anna.upload(t, "invoice.txt", content)
	anna.becomes(t, paper, "ready")

	var d struct{ URL string }
	anna.call(t, http.MethodGet, "/v1/documents/"+paper+"/download", nil).decode(t, http.StatusOK, &d)
	if status, got := send(t, http.MethodGet, d.URL, nil, nil); status != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("the download answered %d %q", status, got)
	}
	anna.refresh(t)
	anna.call(t, http.MethodDelete, "/v1/documents/"+paper+"?permanent=true", nil).decode(t, http.StatusNoContent, nil)
	testenv.Eventually(t, 90*time.Second, "the document is gone", func() bool {
		return anna.call(t, http.MethodGet, "/v1/documents/"+paper, nil).status == http.StatusNotFound
	})
	s.poison(t, anna)
}

// poison: a message that cannot be worked off becomes a dead letter after five
// tries. Sent again too early it becomes one again; sent again when what was
// broken is mended, it is worked off.
func (s *stack) poison(t *testing.T, anna *user) {
	t.Helper()
	paper := anna.upload(t, "late.txt", []byte("A letter that nobody can delete, no. "+rand.Text()))
	anna.becomes(t, paper, "ready")
	s.db.Exec(t, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$`)
	s.db.Exec(t, `CREATE TRIGGER broken BEFORE DELETE ON documents FOR EACH ROW EXECUTE FUNCTION broken()`)
	anna.call(t, http.MethodDelete, "/v1/documents/"+paper+"?permanent=true", nil).decode(t, http.StatusNoContent, nil)
	rows := func() int {
		return dbtest.Query1[int](t, s.db, `SELECT count(*) FROM documents WHERE id = $1 AND status = 'purging'`, paper)
	}
	for _, mended := range []bool{false, true} {
		testenv.Eventually(t, 90*time.Second, "the message is a dead letter", func() bool { return s.dead(t, job.Purge, paper) > 0 })
		if rows() != 1 {
			t.Error("the document was deleted all the same")
		}
		if mended {
			s.db.Exec(t, `DROP FUNCTION broken CASCADE`)
		}
		if n, err := s.queue.Redrive(t.Context(), job.Purge); err != nil || n == 0 {
			t.Fatalf("sent %d letters again, %v", n, err)
		}
	}
	testenv.Eventually(t, 90*time.Second, "the document is gone", func() bool { return rows() == 0 })
}

// dead counts the dead letters of a queue that hold a text.
func (s *stack) dead(t testing.TB, name, text string) int {
	t.Helper()
	letters, err := s.queue.Dead(t.Context(), name, 100)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, letter := range letters {
		if bytes.Contains(letter.Body, []byte(text)) {
			n++
		}
	}
	return n
}

func (s *stack) queueURL(t testing.TB, name string) string {
	t.Helper()
	var found struct{ QueueURL string }
	s.call(t, http.MethodPost, "/", "AmazonSQS.GetQueueUrl", map[string]any{"QueueName": stackName + "-" + name}, &found)
	return found.QueueURL
}

// user is somebody who is signed in at the deployed vault.
type user struct {
	s             *stack
	token, cookie string
}

// answer is what the API answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(t testing.TB, status int, out any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

const cookieName = "__Host-docuvault_refresh"

// call sends a request through the HTTP API.
func (u *user) call(t testing.TB, method, path string, in any, headers ...string) answer {
	t.Helper()
	var body io.Reader = http.NoBody
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, u.s.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = u.s.api + ".execute-api." + req.URL.Hostname()
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		req.Header.Set("Authorization", "Bearer "+u.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == cookieName {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
				t.Errorf("the cookie is %s", c)
			}
			u.cookie = c.Value
		}
	}
	return answer{resp.StatusCode, resp.Header, content}
}

func (s *stack) register(t testing.TB) *user {
	t.Helper()
	u := &user{s: s}
	var made struct {
		AccessToken string `json:"access_token"`
	}
	u.call(t, http.MethodPost, "/v1/auth/register", map[string]any{
		"email": strings.ToLower(rand.Text()) + "@example.org", "password": "correct horse battery staple",
	}).decode(t, http.StatusCreated, &made)
	u.token = made.AccessToken
	if u.cookie == "" {
		t.Fatal("registration gave no cookie")
	}
	return u
}

// refresh rotates the session: another cookie, and another token that works.
func (u *user) refresh(t testing.TB) {
	t.Helper()
	before, cookie := u.token, u.cookie
	u.token = ""
	var fresh struct {
		AccessToken string `json:"access_token"`
	}
	u.call(t, http.MethodPost, "/v1/auth/refresh", nil, "Cookie", cookieName+"="+cookie).decode(t, http.StatusOK, &fresh)
	if u.token = fresh.AccessToken; u.token == before || u.cookie == cookie {
		t.Error("refresh gave the same token or cookie")
	}
	u.call(t, http.MethodGet, "/v1/me", nil).decode(t, http.StatusOK, nil)
}

// upload begins an upload and sends the bytes to storage; the rest is storage's
// to tell.
func (u *user) upload(t testing.TB, name string, content []byte) (document string) {
	t.Helper()
	document, method, address, headers := u.begin(t, name, content)
	if status, said := send(t, method, address, content, headers); status != http.StatusOK {
		t.Fatalf("storage answered %d: %s", status, said)
	}
	return document
}

// begin says what will be sent, and is told how.
func (u *user) begin(t testing.TB, name string, content []byte) (document, method, address string, headers map[string]string) {
	t.Helper()
	sum := sha256.Sum256(content)
	var begun struct {
		Document struct{ ID string }
		Upload   struct {
			Method, URL string
			Headers     map[string]string
		}
	}
	u.call(t, http.MethodPost, "/v1/uploads", map[string]any{
		"filename": name, "content_type": "text/plain", "size": len(content), "sha256": hex.EncodeToString(sum[:]),
	}).decode(t, http.StatusCreated, &begun)
	return begun.Document.ID, begun.Upload.Method, begun.Upload.URL, begun.Upload.Headers
}

// send sends a request to storage.
func send(t testing.TB, method, address string, content []byte, headers map[string]string) (status int, said []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range headers {
		req.Header.Set(header, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if said, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, said
}

// becomes waits for a status of a document.
func (u *user) becomes(t testing.TB, document, status string) {
	t.Helper()
	testenv.Eventually(t, 90*time.Second, "the document is "+status, func() bool {
		var d struct{ Status string }
		u.call(t, http.MethodGet, "/v1/documents/"+document, nil).decode(t, http.StatusOK, &d)
		return d.Status == status
	})
}
