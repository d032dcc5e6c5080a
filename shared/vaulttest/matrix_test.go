package vaulttest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"docuvault/functions"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/vaulttest"
)

// row is what one operation is tried with by a user who knows everything of
// another. An operation with ids in its path is called with every id of the
// other, and answers 404 with nothing changed; what it needs besides stands
// here. An operation without ids says in calls how else another's things could
// come in; each uuid of its body and query has to be among them.
type row struct {
	bodies  []any    // each is sent with each id of the path; none: no body
	queries []string // each is appended to the path; none: ""
	calls   func(s *stage) []call
	admin   bool // for administrators: everybody else gets 403
}

// call is a request of the other user with something that is Anna's in it.
// wants is the code of the problem (404 is about the path: an id in the body that
// is not the caller's is a mistake in the body, 422); status is of an answer that is none, which
// then holds nothing of Anna's.
type call struct {
	path, query string // path: "" is the operation's own
	body        any
	headers     []string
	wants       fault.Code
	status      int
}

// own is an operation that takes no id from the caller: the answer is about
// the caller, and holds nothing of Anna's.
func own(status int, body any) row {
	return row{calls: func(*stage) []call { return []call{{body: body, status: status}} }}
}

var part = map[string]any{"number": 1, "size": 5, "sha256": strings.Repeat("a", 64)}

// matrix has a row for every operation of openapi.yaml, by its name.
var matrix = map[string]row{
	"documents-get":       {},
	"documents-delete":    {queries: []string{"", "?permanent=true"}},
	"documents-download":  {queries: []string{"", "?disposition=inline"}},
	"documents-preview":   {queries: []string{"", "?size=large"}},
	"documents-text":      {},
	"documents-restore":   {},
	"documents-reprocess": {},
	"documents-patch": {
		bodies: []any{map[string]any{}, map[string]any{"title": "x", "tags": []string{"x"}}, map[string]any{"topic": "x"}},
		calls: func(s *stage) []call {
			return []call{{path: "/v1/documents/" + s.eveDocument.String(), body: map[string]any{"folder_id": s.folder}, wants: fault.ValidationFailed}}
		},
	},
	"documents-list": {calls: func(s *stage) []call {
		return []call{
			{query: "?folder_id=" + s.folder.String(), status: http.StatusOK},
			{query: "?topic=" + planted["topic"], status: http.StatusOK},
			{query: "?tag=" + planted["tag"], status: http.StatusOK},
			{query: "?q=" + planted["text"], status: http.StatusOK},
			{query: "?cursor=" + s.cursor("/v1/documents?limit=1"), status: http.StatusOK},
			{query: "?status=pending,stored,processing,ready,failed,rejected,expired,trashed,purging", status: http.StatusOK},
		}
	}},
	"search-query": {calls: func(s *stage) []call {
		return []call{
			{body: map[string]any{"q": planted["text"]}, status: http.StatusOK},
			{body: map[string]any{"q": planted["title"] + " OR " + planted["file name"]}, status: http.StatusOK},
		}
	}},
	"documents-summary": own(http.StatusOK, nil),
	"documents-bulk": {calls: func(s *stage) []call {
		var all []id.ID
		for _, each := range s.ids {
			all = append(all, each)
		}
		calls := []call{{body: map[string]any{"ids": []id.ID{s.eveDocument}, "action": "move", "folder_id": s.folder}, wants: fault.ValidationFailed}}
		for _, action := range []string{"move", "topic", "add_tags", "remove_tags", "trash", "restore", "purge", "reprocess"} {
			calls = append(calls, call{body: map[string]any{"ids": all, "action": action, "topic": "x", "tags": []string{"x"}}, status: http.StatusOK})
		}
		return calls
	}},
	"changes-list": {calls: func(s *stage) []call {
		return []call{{status: http.StatusOK}, {query: "?since=" + s.cursor("/v1/changes"), status: http.StatusOK}}
	}},
	"folders-list":   own(http.StatusOK, nil),
	"folders-delete": {},
	"folders-create": {calls: func(s *stage) []call {
		return []call{{body: map[string]any{"name": "x", "parent_id": s.folder}, wants: fault.ValidationFailed},
			{body: map[string]any{"name": planted["folder"]}, status: http.StatusCreated}}
	}},
	"folders-patch": {
		bodies: []any{map[string]any{}, map[string]any{"name": "x"}, map[string]any{"parent_id": nil}},
		calls: func(s *stage) []call {
			return []call{{path: "/v1/folders/" + s.eveFolder.String(), body: map[string]any{"parent_id": s.folder}, wants: fault.ValidationFailed}}
		},
	},
	"topics-list":   own(http.StatusOK, nil),
	"topics-delete": {},
	"topics-patch":  {bodies: []any{map[string]any{}, map[string]any{"name": "x"}}},
	"topics-create": own(http.StatusCreated, map[string]any{"name": planted["topic"]}),
	"tags-list":     own(http.StatusOK, nil),
	"tags-delete":   {},
	"tags-patch":    {bodies: []any{map[string]any{"name": "x"}}},
	"tags-merge": {
		bodies: []any{map[string]any{"into": "018f0000-0000-7000-8000-000000000000"}},
		calls: func(s *stage) []call {
			return []call{{path: "/v1/tags/" + s.eveTag.String() + "/merge", body: map[string]any{"into": s.ids["tag"]}, wants: fault.ValidationFailed}}
		},
	},
	"trash-empty":       own(http.StatusOK, nil),
	"uploads-abort":     {},
	"uploads-complete":  {},
	"uploads-listparts": {},
	"uploads-parts":     {bodies: []any{map[string]any{"parts": []any{part}}}},
	"uploads-batch": {calls: func(s *stage) []call {
		b := vaulttest.Announce("x.txt", "text/plain", vaulttest.Unique(s.t, 80))
		b["folder_id"] = s.folder
		var same []any
		for _, content := range s.contents {
			same = append(same, vaulttest.Announce("x.txt", "text/plain", content))
		}
		return []call{{body: map[string]any{"uploads": []any{b}}, status: http.StatusOK}, {body: map[string]any{"uploads": same}, status: http.StatusOK}}
	}},
	"uploads-begin": {calls: func(s *stage) []call {
		var same, into, below []any
		for i, content := range s.contents {
			same = append(same, vaulttest.Announce("x.txt", "text/plain", content))
			b := vaulttest.Announce("x.txt", "text/plain", vaulttest.Unique(s.t, 20+i))
			b["folder_id"] = s.folder
			into = append(into, b)
			c := vaulttest.Announce("x.txt", "text/plain", vaulttest.Unique(s.t, 50+i))
			c["path"], c["tags"] = planted["folder"], []string{planted["tag"]}
			below = append(below, c)
		}
		var all []call
		// That somebody else has the same bytes shows in nothing.
		for _, b := range slices.Concat(same, below) {
			all = append(all, call{body: b, status: http.StatusCreated})
		}
		return append(all, call{body: into[0], wants: fault.ValidationFailed})
	}},

	"auth-sessions":     own(http.StatusOK, nil),
	"auth-revoke":       {},
	"auth-revokeothers": own(http.StatusNoContent, nil),
	"auth-logout":       own(http.StatusNoContent, nil),
	"auth-reauth":       own(http.StatusNoContent, map[string]any{"password": authtest.Password}),
	"auth-password":     own(http.StatusNoContent, map[string]any{"current_password": authtest.Password, "new_password": "another horse battery staple"}),
	"me-get":            own(http.StatusOK, nil),
	"me-patch":          own(http.StatusOK, map[string]any{"display_name": "x", "settings": map[string]any{"locale": "de"}}),
	"me-delete":         own(http.StatusNoContent, nil),
	"me-createtoken":    own(http.StatusCreated, map[string]any{"name": "x", "scopes": []string{"write"}}),
	"me-tokens":         own(http.StatusOK, nil),
	"me-revoketoken":    {},
	"me-totp":           own(http.StatusOK, nil),
	"me-totpenrol":      own(http.StatusCreated, nil),
	"me-totpremove":     {calls: func(*stage) []call { return []call{{wants: fault.NotFound}} }},
	"me-recoverycodes":  {calls: func(*stage) []call { return []call{{wants: fault.NotFound}} }},
	"me-totpconfirm": {calls: func(s *stage) []call {
		return []call{{body: map[string]any{"code": s.recovery}, wants: fault.WrongState}}
	}},
	"wellknown-jwks": own(http.StatusOK, nil),
	"admin-audit":    {admin: true},
	"admin-change":   {admin: true, bodies: []any{map[string]any{"disabled": true}, map[string]any{"quota_limit_bytes": 1}}},
	"admin-invite":   {admin: true, bodies: []any{map[string]any{}}},
	"admin-invites":  {admin: true},
	"admin-stats":    {admin: true},
	"admin-uninvite": {admin: true},
	"admin-users":    {admin: true},
	"events-storage": {calls: func(s *stage) []call { return []call{{body: s.w.Event(s.key), wants: fault.Unauthenticated}} }},
	"auth-refresh": {calls: func(s *stage) []call {
		// The cookie is a MAC over its ids: Anna's ids in Eve's token are none.
		return []call{
			{headers: []string{"Cookie", "docuvault_refresh=" + s.anna.Session.String()}, wants: fault.RefreshInvalid},
			{headers: []string{"Cookie", "docuvault_refresh=" + s.refresh[:len(s.refresh)-4] + "AAAA"}, wants: fault.RefreshInvalid},
		}
	}},
	"auth-login": {calls: func(s *stage) []call {
		return []call{
			{body: map[string]any{"email": s.email, "password": "not her password"}, wants: fault.InvalidCredentials},
			{body: map[string]any{"email": s.email, "password": authtest.Password}, wants: fault.TOTPRequired},
			{body: map[string]any{"email": s.email, "password": authtest.Password, "totp_code": "000000"}, wants: fault.InvalidCredentials},
		}
	}},
	"auth-register": {calls: func(s *stage) []call {
		return []call{
			{body: map[string]any{"email": s.email, "password": authtest.Password}, wants: fault.EmailTaken},
			{body: map[string]any{"email": strings.ToUpper(s.email), "password": authtest.Password}, wants: fault.EmailTaken},
		}
	}},
	// This vault sends no mail. Where one does, asking for a link is the one thing
	// that a stranger can have done to an address: TestUnknownAndKnownAccountsLookTheSame.
	"auth-forgot": {calls: func(s *stage) []call {
		return []call{{body: map[string]any{"email": s.email}, wants: fault.MailUnavailable}}
	}},
	"auth-reset": {calls: func(s *stage) []call {
		token, _ := letter.NewToken(s.anna.ID)
		return []call{
			{body: map[string]any{"token": token.Reveal(), "password": "a stranger's battery staple"}, wants: fault.LinkInvalid},
			{body: map[string]any{"email": s.email, "recovery_code": s.recovery, "password": "a stranger's battery staple"}, wants: fault.InvalidCredentials},
		}
	}},
	"auth-verify": {calls: func(s *stage) []call {
		token, _ := letter.NewToken(s.anna.ID)
		return []call{{body: map[string]any{"token": token.Reveal()}, wants: fault.LinkInvalid}}
	}},
	"me-alerts": {calls: func(s *stage) []call {
		return []call{{status: http.StatusOK}, {query: "?cursor=" + s.cursor("/v1/me/alerts?limit=1"), status: http.StatusOK}}
	}},
	"me-readalerts": {calls: func(s *stage) []call {
		return []call{{body: map[string]any{"up_to": s.ids["alert"]}, status: http.StatusNoContent}}
	}},
	"me-exportaudit": {calls: func(s *stage) []call {
		return []call{{status: http.StatusOK}, {query: "?cursor=" + s.cursor("/v1/me/audit/export?limit=1"), status: http.StatusOK}}
	}},
	"me-audit": {calls: func(s *stage) []call {
		return []call{{status: http.StatusOK}, {query: "?cursor=" + s.cursor("/v1/me/audit?limit=1"), status: http.StatusOK},
			{query: "?target=" + s.ids["ready document"].String(), status: http.StatusOK}}
	}},
}

// stage is a vault with Anna, who has something of everything.
type stage struct {
	t                   *testing.T
	w                   *vaulttest.World
	anna                *vaulttest.User
	email, refresh, key string
	recovery            string
	folder              id.ID
	eveDocument         id.ID // of the newest stranger
	eveUpload           id.ID // of the newest stranger
	eveFolder, eveTag   id.ID // of the newest stranger
	ids                 map[string]id.ID
	contents            [][]byte
}

// cursor is the one that a list gives Anna.
func (s *stage) cursor(list string) string {
	s.t.Helper()
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	s.anna.Call(s.t, http.MethodGet, list, nil).JSON(s.t, http.StatusOK, &page)
	if page.NextCursor == "" {
		s.t.Fatalf("%s has no second page", list)
	}
	return page.NextCursor
}

// newStage lets Anna do everything that leaves a trace.
func newStage(t *testing.T) *stage {
	t.Helper()
	vars := vaulttest.InParts()
	s := &stage{t: t, w: vaulttest.New(t, vars), email: "anna@example.org", ids: map[string]id.ID{}}
	var grant authtest.Grant
	answer := (&vaulttest.User{World: s.w}).Call(t, http.MethodPost, "/v1/auth/register",
		map[string]any{"email": s.email, "password": authtest.Password, "display_name": "Annabelle Quillfeather"})
	answer.JSON(t, http.StatusCreated, &grant)
	user, err := id.Parse(grant.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	session, err := id.Parse(dbtest.Query1[string](t, s.w.DB, `SELECT id FROM sessions WHERE user_id = $1`, grant.User.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range answer.Cookies() {
		if cookie.Name == "docuvault_refresh" {
			s.refresh = cookie.Value
		}
	}
	s.anna = &vaulttest.User{World: s.w, ID: user, Session: session, Token: grant.AccessToken}
	s.ids["user"], s.ids["session"] = user, session

	content := func(n int) []byte {
		s.contents = append(s.contents, fmt.Appendf(nil, "A paper about %s, number %d. Invoice, amount due 119.00 EUR.", planted["text"], n))
		return s.contents[len(s.contents)-1]
	}
	ready := s.anna.Analyzed(t, planted["file name"]+".txt", "text/plain", content(0))
	s.anna.Call(t, http.MethodPatch, "/v1/documents/"+ready.ID.String(), map[string]any{
		"title": planted["title"], "topic": planted["topic"], "tags": []string{planted["tag"]}, "notes": planted["notes"],
	}).JSON(t, http.StatusOK, nil)
	s.ids["ready document"] = ready.ID
	s.ids["stored document"] = s.anna.Store(t, planted["second name"], "text/plain", content(1)).ID
	trashed := s.anna.Store(t, planted["file name"], "text/plain", content(2))
	s.anna.Call(t, http.MethodDelete, "/v1/documents/"+trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	s.ids["trashed document"] = trashed.ID
	waiting := content(3)
	body := vaulttest.Announce(planted["file name"], "text/plain", waiting)
	body["path"] = planted["folder"]
	var pending vaulttest.Begun
	s.anna.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &pending)
	pending.Put(t, waiting)
	s.ids["pending upload"], s.key = pending.Document.ID, s.w.Key(t, pending.Document.ID)
	large := vaulttest.Unique(t, vaulttest.PartSize+100)
	parts := s.anna.Begin(t, planted["file name"], "text/plain", large)
	s.anna.PutParts(t, parts, large, 2)
	s.ids["upload in parts"] = parts.Document.ID
	broken := s.anna.Analyzed(t, planted["file name"]+".pdf", "application/pdf", []byte("%PDF-1.4\n"+planted["PDF text"]))
	s.ids["failed document"] = broken.ID

	_, token := apiToken(t, s.anna, "write")
	apiToken(t, s.anna, "read")
	var enrolled struct{ Secret string }
	s.anna.Call(t, http.MethodPost, "/v1/me/totp", nil).JSON(t, http.StatusCreated, &enrolled)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var confirmed struct {
		Codes []string `json:"recovery_codes"`
	}
	s.anna.Call(t, http.MethodPost, "/v1/me/totp/confirm", map[string]any{"code": code}).JSON(t, http.StatusOK, &confirmed)
	s.recovery = confirmed.Codes[0]
	if s.ids["API token"], err = id.Parse(token); err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]string{
		"folder": `SELECT id FROM folders WHERE user_id = $1`, "topic": `SELECT id FROM topics WHERE user_id = $1 LIMIT 1`,
		"tag": `SELECT id FROM tags WHERE user_id = $1 LIMIT 1`, "alert": `SELECT id FROM alerts WHERE user_id = $1 LIMIT 1`,
	} {
		if s.ids[name], err = id.Parse(dbtest.Query1[string](t, s.w.DB, query, user.String())); err != nil {
			t.Fatal(err)
		}
	}
	s.folder = s.ids["folder"]
	return s
}

// stranger is a user with the same password as Anna, who has used the vault
// once, so that the first use is no effect of what comes.
func (s *stage) stranger(role string) *vaulttest.User {
	s.t.Helper()
	eve := s.w.User(s.t)
	s.w.DB.Exec(s.t, `UPDATE users SET role = $2 WHERE id = $1`, eve.ID.String(), role)
	s.w.DB.Exec(s.t, `INSERT INTO credentials (user_id, kind, phc) SELECT $1, 'password', phc FROM credentials WHERE user_id = $2 AND kind = 'password'`,
		eve.ID.String(), s.anna.ID.String())
	s.eveDocument = eve.Store(s.t, "mine.txt", "text/plain", vaulttest.Unique(s.t, 30)).ID
	s.eveUpload = eve.Begin(s.t, "mine too.txt", "text/plain", vaulttest.Unique(s.t, 31)).Document.ID
	var f struct{ ID id.ID }
	eve.Call(s.t, http.MethodPost, "/v1/folders", map[string]any{"name": "her own"}).JSON(s.t, http.StatusCreated, &f)
	eve.Call(s.t, http.MethodPatch, "/v1/documents/"+s.eveDocument.String(), map[string]any{"tags": []string{"hers"}}).JSON(s.t, http.StatusOK, nil)
	var tags struct{ Items []struct{ ID id.ID } }
	eve.Call(s.t, http.MethodGet, "/v1/tags", nil).JSON(s.t, http.StatusOK, &tags)
	s.eveFolder, s.eveTag = f.ID, tags.Items[0].ID
	return eve
}

// holds looks for anything of Anna's in an answer.
func (s *stage) holds(answer []byte) string {
	for name, value := range s.ids {
		if bytes.Contains(answer, []byte(value.String())) {
			return "the id of the " + name
		}
	}
	for name, word := range planted {
		if bytes.Contains(answer, []byte(word)) {
			return "the word of the " + name
		}
	}
	for _, word := range []string{s.email, "Quillfeather", s.recovery} {
		if bytes.Contains(answer, []byte(word)) {
			return word
		}
	}
	return ""
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

// refusal is a problem without what differs each time.
func refusal(a hosttest.Answer) string {
	return fmt.Sprint(a.StatusCode, a.Header.Get("Content-Type"), requestID.ReplaceAllString(string(a.Bytes), ""))
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// Two users, every operation: whoever sends another's ids, in the path, the
// query or the body, as a user, with an API token or as an administrator, gets
// 404, word for word what an id that never was gets, and nothing of the other
// has changed: no row, no message, no object and no part.
func TestTwoUserMatrix(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	eve, boss := s.stranger("user"), s.stranger("admin")
	token, _ := apiToken(t, eve, "read", "write", "upload")
	callers := []struct {
		name string
		user *vaulttest.User
	}{{"a user", eve}, {"an API token", by(eve, token)}, {"an administrator", boss}}
	for _, c := range callers {
		c.user.Call(t, http.MethodGet, "/v1/documents", nil).JSON(t, http.StatusOK, nil)
	}
	// A use of a token is written down once a minute; not in this test.
	s.w.DB.Exec(t, `UPDATE api_tokens SET last_used_at = now() + interval '1 hour' WHERE user_id = $1`, eve.ID.String())
	tried, known := 0, maps.Clone(matrix)
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		row, ok := matrix[fn.Name]
		if !ok {
			t.Errorf("%s (%s): add it to matrix in matrix_test.go: what happens when a user sends another's ids, in the path, the body and the query? An id in the path needs only {}; an operation without ids is own(status, body)", fn.Name, route.Source())
			continue
		}
		delete(known, fn.Name)
		if !parameter.MatchString(route.Path()) && row.calls == nil && !row.admin {
			t.Errorf("%s: takes no id in its path, and its row has no calls", fn.Name)
		}
		if row.bodies == nil {
			row.bodies = []any{nil}
		}
		if row.queries == nil {
			row.queries = []string{""}
		}
		before := s.w.DB.Dump(t)
		owned := s.anna.Owned(t)
		for _, caller := range callers {
			for _, body := range row.bodies {
				for _, query := range row.queries {
					if caller.name == "an administrator" && row.admin || !row.admin && !parameter.MatchString(route.Path()) {
						continue
					}
					call := func(target id.ID) hosttest.Answer {
						return caller.user.Call(t, route.Method(), parameter.ReplaceAllString(route.Path(), target.String())+query, body)
					}
					never := refusal(call(id.New()))
					for name, target := range s.ids {
						tried++
						answer := call(target)
						// 403 says nothing either: it comes before the id is looked at.
						if answer.StatusCode != http.StatusNotFound && (answer.StatusCode != http.StatusForbidden || caller.name == "a user" && !row.admin) {
							t.Errorf("%s as %s, with the id of the %s: %d %s", fn.Name, caller.name, name, answer.StatusCode, answer.Bytes)
						}
						if got := refusal(answer); got != never {
							t.Errorf("%s as %s: the id of the %s is answered differently from one that never was:\n%s\n%s", fn.Name, caller.name, name, got, never)
						}
					}
				}
			}
		}
		if after := s.w.DB.Dump(t); !bytes.Equal(before, after) {
			t.Errorf("%s: the database changed: %s", fn.Name, difference(before, after))
		}
		if row.calls != nil {
			tried += s.play(fn.Name, route, row)
		}
		// That somebody tried her password is written down, for her to know.
		s.w.DB.Exec(t, `DELETE FROM audit_personal p USING audit_log l WHERE l.id = p.audit_id AND l.action = 'session.refused'`)
		s.w.DB.Exec(t, `DELETE FROM audit_log WHERE action = 'session.refused'`)
		if after := s.anna.Owned(t); !bytes.Equal(owned, after) {
			t.Errorf("%s: what is Anna's changed: %s", fn.Name, difference(owned, after))
		}
	}
	for name := range known {
		t.Errorf("matrix_test.go: there is no operation %s", name)
	}
	if tried < 600 {
		t.Errorf("only %d requests", tried)
	}
	s.signedForOne()
}

// play makes an operation's further calls, by somebody new each time.
func (s *stage) play(name string, route *hosthttp.Route, row row) (tried int) {
	s.t.Helper()
	eve := s.stranger("user")
	var sent strings.Builder
	for i, c := range row.calls(s) {
		tried++
		path := c.path
		if path == "" {
			path = route.Path()
		}
		answer := eve.Call(s.t, route.Method(), path+c.query, c.body, c.headers...)
		switch {
		case c.wants != "":
			answer.Problem(s.t, c.wants)
		case answer.StatusCode != c.status:
			s.t.Errorf("%s, call %d: %d, want %d: %s", name, i, answer.StatusCode, c.status, answer.Bytes)
		}
		// What Eve sent herself is hers.
		body, err := json.Marshal(c.body)
		if err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&sent, "%s %s\n", c.query, body)
		said := answer.Bytes
		for _, word := range planted {
			if bytes.Contains(body, []byte(word)) {
				said = bytes.ReplaceAll(said, []byte(word), nil)
			}
		}
		for _, each := range s.ids {
			if bytes.Contains(body, []byte(each.String())) {
				said = bytes.ReplaceAll(said, []byte(each.String()), nil)
			}
		}
		if found := s.holds(said); found != "" {
			s.t.Errorf("%s, call %d: the answer holds %s: %s", name, i, found, answer.Bytes)
		}
		for _, items := range regexp.MustCompile(`"items":\[\{`).FindAll(answer.Bytes, -1) {
			if strings.HasPrefix(name, "documents") && name != "documents-bulk" && !strings.Contains(c.query, "status") || name == "search-query" {
				s.t.Errorf("%s, call %d finds %s: %s", name, i, items, answer.Bytes)
			}
		}
	}
	for _, field := range uuids(s.t)[name] {
		if !strings.Contains(sent.String(), field) {
			s.t.Errorf("%s takes an id as %s: add a call with Anna's", name, field)
		}
	}
	return tried
}

// signedForOne: an address in storage is signed for one key; another's in its
// place is refused by storage itself.
func (s *stage) signedForOne() {
	s.t.Helper()
	eve := s.stranger("user")
	content := vaulttest.Unique(s.t, 30)
	begun := eve.Begin(s.t, "x.txt", "text/plain", content)
	key := s.w.Key(s.t, begun.Document.ID)
	before := s.anna.Owned(s.t)
	begun.Upload.URL = strings.Replace(begun.Upload.URL, key, s.key, 1)
	if !strings.Contains(begun.Upload.URL, s.key) {
		s.t.Fatal("the URL does not hold the object's key")
	}
	if status := begun.Put(s.t, content); status != http.StatusForbidden {
		s.t.Errorf("storage answers %d to a PUT that was signed for another key", status)
	}
	mine := eve.Store(s.t, "y.txt", "text/plain", vaulttest.Unique(s.t, 40))
	var download struct{ URL string }
	eve.Call(s.t, http.MethodGet, "/v1/documents/"+mine.ID.String()+"/download", nil).JSON(s.t, http.StatusOK, &download)
	anothers := strings.Replace(download.URL, s.w.Key(s.t, mine.ID), s.w.Key(s.t, s.ids["ready document"]), 1)
	if answer := hosttest.Call(s.t, s.w.Server.Client(), http.MethodGet, anothers, nil); answer.StatusCode != http.StatusForbidden {
		s.t.Errorf("storage answers %d to a GET that was signed for another key", answer.StatusCode)
	}
	if after := s.anna.Owned(s.t); !bytes.Equal(before, after) {
		s.t.Errorf("what is Anna's changed: %s", difference(before, after))
	}
}

// difference is the first line that differs.
func difference(before, after []byte) string {
	a, b := strings.Split(string(before), "\n"), strings.Split(string(after), "\n")
	for i := range max(len(a), len(b)) {
		x, y := "nothing", "nothing"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("%.400s\nbecame %.400s", x, y)
		}
	}
	return "nothing"
}
