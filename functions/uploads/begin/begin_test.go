package begin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

const route = "/v1/uploads"

func begin(t testing.TB, u *vaulttest.User, body map[string]any) hosttest.Answer {
	t.Helper()
	return u.Call(t, http.MethodPost, route, body)
}

func with(body map[string]any, name string, value any) map[string]any {
	body = maps.Clone(body)
	body[name] = value
	return body
}

func without(body map[string]any, name string) map[string]any {
	body = maps.Clone(body)
	delete(body, name)
	return body
}

// sums are hashes of nothing that exists, each another one.
func sum(i int) string {
	s := sha256.Sum256(fmt.Appendf(nil, "sum %d", i))
	return hex.EncodeToString(s[:])
}

func TestBeginReservesAndSigns(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	if b.Document.Status != "pending" || b.Document.Size != 100 || b.Document.Filename != "a.txt" || b.Upload.Method != "PUT" {
		t.Errorf("got %+v", b)
	}
	for name := range b.Upload.Headers {
		if strings.EqualFold(name, "Host") || strings.EqualFold(name, "Content-Length") {
			t.Errorf("header %s is the HTTP stack's to send", name)
		}
	}
	if got := u.Counters(t); got.Reserved != 100 || got.Used != 0 || got.Open != 1 || got.Documents != 0 {
		t.Errorf("counters %+v", got)
	}
	if n := w.Audit(t, "upload.begun", b.Document.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
}

func TestBeginAgainWhilePendingIsTheSameUpload(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	first := u.Begin(t, "a.txt", "text/plain", content)
	w.Set(t, first.Document.ID, "upload_expires_at = upload_expires_at - interval '1 hour'")

	var again vaulttest.Begun
	begin(t, u, vaulttest.Announce("b.txt", "text/plain", content)).JSON(t, http.StatusOK, &again)
	if again.Document.ID != first.Document.ID || again.Document.Filename != "a.txt" {
		t.Errorf("got %+v, want document %s", again.Document, first.Document.ID)
	}
	if got := u.Counters(t); got.Reserved != 100 || got.Open != 1 {
		t.Errorf("counters %+v", got)
	}
	if !dbtest.Query1[bool](t, w.DB, `SELECT upload_expires_at > clock_timestamp() FROM documents WHERE id = $1`, first.Document.ID.String()) {
		t.Error("the deadline did not move with the fresh URL")
	}
	if status := again.Put(t, content); status != http.StatusOK {
		t.Errorf("the fresh URL answered %d", status)
	}

	// One of the two announcements has to be wrong; the pending one cannot
	// take other bytes.
	begin(t, u, with(vaulttest.Announce("a.txt", "text/plain", content), "size", 99)).Problem(t, fault.ValidationFailed)
}

func TestBeginOfBytesThatAreStored(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	d := u.Store(t, "a.txt", "text/plain", content)
	again := vaulttest.Announce("b.txt", "text/plain", content)

	p := begin(t, u, again).Problem(t, fault.DuplicateDocument)
	if p["document_id"] != d.ID.String() || p["filename"] != "a.txt" || p["trashed"] != false {
		t.Errorf("got %v", p)
	}
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	if p := begin(t, u, again).Problem(t, fault.DuplicateDocument); p["trashed"] != true {
		t.Errorf("got %v", p)
	}
	var copied vaulttest.Begun
	begin(t, u, with(again, "allow_duplicate", true)).JSON(t, http.StatusCreated, &copied)
	if copied.Document.ID == d.ID {
		t.Error("the wanted duplicate is the same document")
	}
	if status := copied.Put(t, content); status != http.StatusOK {
		t.Errorf("storage answered %d", status)
	}
	// Another user's bytes are not ours.
	if b := w.User(t).Begin(t, "a.txt", "text/plain", content); b.Document.ID == d.ID {
		t.Error("a document crossed users")
	}
	// For good: its bytes can come again at once when its row is gone. Until
	// then nobody may believe that the vault keeps them.
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	w.Allow(`"code":"unavailable"`)
	if p := begin(t, u, again).Problem(t, fault.Unavailable); p["retry_after"] != float64(5) {
		t.Errorf("got %v", p)
	}
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	begin(t, u, again).JSON(t, http.StatusCreated, nil)
}

func TestQuotaIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `UPDATE quotas SET limit_bytes = 10 * 1000 + 999 WHERE user_id = $1`, u.ID.String())
	answers := make([]hosttest.Answer, 64)
	vaulttest.AtOnce(len(answers), func(i int) {
		answers[i] = begin(t, u, map[string]any{"filename": "a", "content_type": "", "size": 1000, "sha256": sum(i)})
	})
	granted := 0
	for _, a := range answers {
		if a.StatusCode == http.StatusCreated {
			granted++
			continue
		}
		p := a.Problem(t, fault.QuotaExceeded)
		if p["limit_bytes"] != 10999.0 || p["requested_bytes"] != 1000.0 || p["used_bytes"] != 0.0 || p["reserved_bytes"] == nil {
			t.Errorf("got %v", p)
		}
	}
	if got := u.Counters(t); granted != 10 || got.Reserved != 10000 || got.Open != 10 {
		t.Errorf("%d granted, counters %+v", granted, got)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents`); n != 10 {
		t.Errorf("%d documents", n)
	}
	// The full quota does not stand in the way of one that has its reservation.
	full := map[string]any{"filename": "a", "content_type": "", "size": 999, "sha256": sum(100)}
	begin(t, u, full).JSON(t, http.StatusCreated, nil)
	begin(t, u, full).JSON(t, http.StatusOK, nil)
	begin(t, u, map[string]any{"filename": "a", "content_type": "", "size": 0, "sha256": sum(101)}).JSON(t, http.StatusCreated, nil)
}

func TestTheSameBytesAtOnceAreOneUpload(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	body := vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 100))
	answers := make([]hosttest.Answer, 16)
	vaulttest.AtOnce(len(answers), func(i int) { answers[i] = begin(t, u, body) })
	created, ids := 0, map[id.ID]bool{}
	for _, a := range answers {
		var b vaulttest.Begun
		if a.StatusCode == http.StatusCreated {
			created++
		} else if a.StatusCode != http.StatusOK {
			t.Errorf("status %d: %s", a.StatusCode, a.Bytes)
			continue
		}
		a.JSON(t, a.StatusCode, &b)
		ids[b.Document.ID] = true
	}
	if got := u.Counters(t); created != 1 || len(ids) != 1 || got.Reserved != 100 || got.Open != 1 {
		t.Errorf("%d created, %d documents, counters %+v", created, len(ids), got)
	}
}

// A begin for bytes whose upload is being settled waits for that row before it
// takes the quota: document before quota, or two transactions wait for each
// other.
func TestBeginWhileTheSameUploadIsSettledDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	settle := w.DB.AsSuper(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := settle.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`BEGIN`)
	exec(`UPDATE documents SET status = 'stored'`)
	answer := make(chan hosttest.Answer, 1)
	go func() { answer <- begin(t, u, vaulttest.Announce("a.txt", "text/plain", content)) }()
	w.Blocked(t)
	exec(`UPDATE quotas SET reserved_bytes = 0, used_bytes = 100, open_uploads = 0, documents = 1`)
	exec(`COMMIT`)
	if p := (<-answer).Problem(t, fault.DuplicateDocument); p["document_id"] != b.Document.ID.String() {
		t.Errorf("got %v", p)
	}
}

func TestBoundsOfWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"MAX_UPLOAD_BYTES": "1000"})
	u := w.User(t)
	other := w.User(t)
	good := vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 100))
	foreign := id.New()
	w.DB.Exec(t, `INSERT INTO folders (id, user_id, name_key, name_sealed) VALUES ($1, $2, '\x00', '\x00')`, foreign.String(), other.ID.String())

	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprint("tag ", i)
	}
	for name, c := range map[string]struct {
		body map[string]any
		code fault.Code
	}{
		"too large":             {with(good, "size", 1001), fault.UploadTooLarge},
		"far too large":         {with(good, "size", int64(1)<<62), fault.UploadTooLarge},
		"negative":              {with(good, "size", -1), fault.ValidationFailed},
		"size of a fraction":    {with(good, "size", 1.5), fault.ValidationFailed},
		"size as text":          {with(good, "size", "100"), fault.ValidationFailed},
		"no size":               {without(good, "size"), fault.ValidationFailed},
		"no hash":               {without(good, "sha256"), fault.ValidationFailed},
		"no filename":           {without(good, "filename"), fault.ValidationFailed},
		"no content type":       {without(good, "content_type"), fault.ValidationFailed},
		"short hash":            {with(good, "sha256", sum(1)[:62]), fault.ValidationFailed},
		"hash in base64":        {with(good, "sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), fault.ValidationFailed},
		"hash of other digits":  {with(good, "sha256", strings.Repeat("g", 64)), fault.ValidationFailed},
		"no media type":         {with(good, "content_type", "pdf"), fault.ValidationFailed},
		"a header in it":        {with(good, "content_type", "text/plain\r\nX-Evil: 1"), fault.ValidationFailed},
		"a long media type":     {with(good, "content_type", "text/"+strings.Repeat("x", 300)), fault.ValidationFailed},
		"up the tree":           {with(good, "path", "a/../b"), fault.ValidationFailed},
		"too deep":              {with(good, "path", strings.Repeat("a/", 33)), fault.FolderTooDeep},
		"a long folder":         {with(good, "path", strings.Repeat("a", 101)), fault.ValidationFailed},
		"another's folder":      {with(good, "folder_id", foreign.String()), fault.ValidationFailed},
		"no such folder":        {with(good, "folder_id", id.New().String()), fault.ValidationFailed},
		"a folder that is none": {with(good, "folder_id", "x"), fault.ValidationFailed},
		"too many tags":         {with(good, "tags", many), fault.ValidationFailed},
		"a tag without a name":  {with(good, "tags", []string{" "}), fault.ValidationFailed},
		"a long tag":            {with(good, "tags", []string{strings.Repeat("x", 101)}), fault.ValidationFailed},
		"a long title":          {with(good, "title", strings.Repeat("x", 501)), fault.ValidationFailed},
		"a day that is none":    {with(good, "document_date", "2025-02-30"), fault.ValidationFailed},
		"user_id":               {with(good, "user_id", other.ID.String()), fault.ValidationFailed},
		"status":                {with(good, "status", "ready"), fault.ValidationFailed},
		"role":                  {with(good, "role", "admin"), fault.ValidationFailed},
		"quota":                 {with(good, "quota", map[string]any{"limit_bytes": 1}), fault.ValidationFailed},
		"object_key":            {with(good, "object_key", "a/b/c"), fault.ValidationFailed},
		"id":                    {with(good, "id", id.New().String()), fault.ValidationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin(t, u, c.body).Problem(t, c.code)
		})
	}
	t.Cleanup(func() {
		if got := u.Counters(t); got.Reserved != 0 || got.Open != 0 {
			t.Errorf("a refused begin left counters %+v", got)
		}
		for _, table := range []string{"documents", "tags", "document_tags", "audit_log"} {
			if n := dbtest.Query1[int](t, w.DB, "SELECT count(*) FROM "+table); n != 0 {
				t.Errorf("a refused begin left %d rows in %s", n, table)
			}
		}
		if n := dbtest.Query1[int](t, w.DB, "SELECT count(*) FROM folders"); n != 1 {
			t.Errorf("a refused begin left %d folders", n)
		}
	})
}

func TestAnEmptyFileIsAFile(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	d := w.User(t).Analyzed(t, "empty", "", nil)
	if d.Status != "ready" || d.Size != 0 || d.ContentType != "application/octet-stream" {
		t.Errorf("got %+v", d)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	for in, want := range map[string]string{
		"":                                  "application/octet-stream",
		"Application/PDF":                   "application/pdf",
		"text/plain;charset=UTF-8":          "text/plain; charset=UTF-8",
		`text/plain; name="Änderung 1.txt"`: "text/plain; name*=utf-8''%C3%84nderung%201.txt",
		`text/plain; a="b  c"`:              "text/plain",
	} {
		content := append(vaulttest.Unique(t, 50), in...)
		b := u.Begin(t, "a", in, content)
		if b.Document.ContentType != want {
			t.Errorf("%q became %q, want %q", in, b.Document.ContentType, want)
		}
		if status := b.Put(t, content); status != http.StatusOK {
			t.Errorf("%q: storage answered %d", in, status)
		}
	}
}

func TestFoldersOfAPathAreMadeOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	folders := make([]string, 16)
	vaulttest.AtOnce(len(folders), func(i int) {
		var b vaulttest.Begun
		body := map[string]any{"filename": "a", "content_type": "", "size": 1, "sha256": sum(i), "path": []string{"Tax/2024", `/tax//2024/.`, `TAX\2024`, "Tax/2024/"}[i%4]}
		begin(t, u, body).JSON(t, http.StatusCreated, &b)
		folders[i] = b.Document.FolderID
	})
	for _, f := range folders {
		if f == "" || f != folders[0] {
			t.Errorf("folders differ: %v", folders)
			break
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM folders`); n != 2 {
		t.Errorf("%d folders, want 2", n)
	}
	// Below a folder by id.
	var b vaulttest.Begun
	begin(t, u, map[string]any{"filename": "a", "content_type": "", "size": 1, "sha256": sum(99), "folder_id": folders[0], "path": "March"}).JSON(t, http.StatusCreated, &b)
	if parent := dbtest.Query1[string](t, w.DB, `SELECT parent_id::text FROM folders WHERE id = $1`, b.Document.FolderID); parent != folders[0] {
		t.Errorf("the folder's parent is %s", parent)
	}
	// 32 in all, not 32 below wherever one starts.
	deep := map[string]any{"filename": "a", "content_type": "", "size": 1, "sha256": sum(98), "folder_id": folders[0], "path": strings.Repeat("a/", 31)}
	begin(t, u, deep).Problem(t, fault.FolderTooDeep)
	begin(t, u, with(deep, "path", strings.Repeat("a/", 30))).JSON(t, http.StatusCreated, nil)
}

func TestWhatIsSaidOfADocumentIsKept(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	body := map[string]any{"filename": "a.pdf", "content_type": "application/pdf", "size": 1, "sha256": strings.ToUpper(sum(1)),
		"title": " Gas bill ", "correspondent": "Gas & Co", "document_date": "2024-03-01", "original_modified_at": "2024-03-02T10:11:12Z",
		"tags": []string{"Home", "home ", "2024"}}
	var b struct{ Document map[string]any }
	begin(t, u, body).JSON(t, http.StatusCreated, &b)
	for name, want := range map[string]any{"title": "Gas bill", "correspondent": "Gas & Co", "document_date": "2024-03-01",
		"original_modified_at": "2024-03-02T10:11:12Z", "sha256": sum(1)} {
		if b.Document[name] != want {
			t.Errorf("%s is %v, want %v", name, b.Document[name], want)
		}
	}
	if tags := fmt.Sprint(b.Document["tags"]); tags != "[Home 2024]" && tags != "[2024 Home]" {
		t.Errorf("tags %s", tags)
	}
}

func TestOpenUploadsAreCounted(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	body := func(i int) map[string]any {
		return map[string]any{"filename": "a", "content_type": "", "size": 1, "sha256": sum(i)}
	}
	w.DB.Exec(t, `UPDATE quotas SET open_uploads = 999 WHERE user_id = $1`, u.ID.String())
	begin(t, u, body(1)).JSON(t, http.StatusCreated, nil)
	begin(t, u, body(2)).Problem(t, fault.TooManyUploads)
	begin(t, u, body(1)).JSON(t, http.StatusOK, nil)
	w.DB.Exec(t, `UPDATE quotas SET open_uploads = 1, document_limit = 1 WHERE user_id = $1`, u.ID.String())
	p := begin(t, u, body(2)).Problem(t, fault.QuotaExceeded)
	if p["document_limit"] != 1.0 || p["limit_bytes"] == nil || p["used_bytes"] == nil || p["reserved_bytes"] == nil || p["requested_bytes"] != 1.0 {
		t.Errorf("got %v", p)
	}
}

func TestTheObjectKeyHoldsNothingOfTheName(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	uuid4 := `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	for i, c := range []struct{ name, ext string }{
		{"secret.PDF", ".pdf"}, {"secret.tar.gz", ".bin"}, {"secret", ".bin"}, {".pdf", ".pdf"}, {"secret.pdf/x", ".bin"},
		{"secret.verysecret", ".bin"}, {"secret.jpg ", ".jpg"}, {"../../secret.html", ".html"}, {"secret.p\u0000df", ".pdf"},
	} {
		var b vaulttest.Begun
		begin(t, u, map[string]any{"filename": c.name, "content_type": "", "size": 1, "sha256": sum(i)}).JSON(t, http.StatusCreated, &b)
		key := w.Key(t, b.Document.ID)
		if !regexp.MustCompile("^" + u.ID.String() + "/" + b.Document.ID.String() + "/" + uuid4 + regexp.QuoteMeta(c.ext) + "$").MatchString(key) {
			t.Errorf("the key of %q is %q, want …%s", c.name, key, c.ext)
		}
	}
}

func TestFileNamesAreCleanedNeverRefused(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	for i, c := range []struct{ in, want string }{
		{"", "unnamed"}, {"..", "unnamed"}, {"/etc/passwd", "_etc_passwd"}, {"a\u202etxt.exe", "atxt.exe"},
		{"a\x00\x1f\u007fb", "ab"}, {"u\u0308.txt", "ü.txt"}, {strings.Repeat("ü", 300) + ".pdf", strings.Repeat("ü", 251) + ".pdf"},
	} {
		var b vaulttest.Begun
		begin(t, u, map[string]any{"filename": c.in, "content_type": "", "size": 1, "sha256": sum(i)}).JSON(t, http.StatusCreated, &b)
		if b.Document.Filename != c.want {
			t.Errorf("%q became %q, want %q", c.in, b.Document.Filename, c.want)
		}
	}
}
