package vaulttest_test

import (
	"bytes"
	"context"
	"net/http"
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

// entry says what one operation writes into the audit log.
type entry struct {
	// call does it, for a user who is new each time; what it needs comes before.
	// The function that it returns is the request itself.
	call   func(s *scene) func() hosttest.Answer
	status int
	// wants are the entries of one request, as "actor action". Exactly one, but
	// for an operation that does two things; or none, and why says the reason.
	wants []string
	why   string
	// once is for a request that changes nothing when it comes again: then it
	// writes nothing either, whatever it answers.
	once bool
}

// scene is a user who has a document, a password, and a session.
type scene struct {
	t    *testing.T
	w    *vaulttest.World
	u    *vaulttest.User
	boss *vaulttest.User
}

func (s *scene) send(method, path string, body any, headers ...string) func() hosttest.Answer {
	return func() hosttest.Answer { return s.u.Call(s.t, method, path, body, headers...) }
}

func (s *scene) stored() vaulttest.Document {
	return s.u.Store(s.t, "paper.txt", "text/plain", vaulttest.Unique(s.t, 40))
}

func (s *scene) email() string { return s.u.ID.String() + "@example.org" }

// link is the token of a mail that the user has got.
func (s *scene) link(kind letter.Kind) string {
	s.t.Helper()
	token, hash := letter.NewToken(s.u.ID)
	s.w.DB.Exec(s.t, `INSERT INTO mails (id, user_id, kind, dedupe, next_due_at, claimed_at, sent_at, token_hash, expires_at)
		VALUES (gen_random_uuid(), $1, $2, 'x', NULL, now(), now(), $3, now() + interval '10 minutes')`, s.u.ID.String(), string(kind), hash)
	return token.Reveal()
}

// factor gives the user a second factor that is not confirmed, and a code.
func (s *scene) factor() string {
	s.t.Helper()
	var enrolled struct{ Secret string }
	s.u.Call(s.t, http.MethodPost, "/v1/me/totp", nil).JSON(s.t, http.StatusCreated, &enrolled)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

func (s *scene) confirmed() (codes []string) {
	s.t.Helper()
	var answer struct {
		Codes []string `json:"recovery_codes"`
	}
	s.u.Call(s.t, http.MethodPost, "/v1/me/totp/confirm", map[string]any{"code": s.factor()}).JSON(s.t, http.StatusOK, &answer)
	return answer.Codes
}

// session is another session of the user.
func (s *scene) session() id.ID {
	other := id.New()
	s.w.DB.Exec(s.t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout) VALUES ($1, $2, now() + interval '1 day', interval '1 day')`, other.String(), s.u.ID.String())
	return other
}

// on is an operation on a document of the user's.
func on(method, path string, body any) func(s *scene) func() hosttest.Answer {
	return func(s *scene) func() hosttest.Answer {
		return s.send(method, "/v1/documents/"+s.stored().ID.String()+path, body)
	}
}

// onNamed is an operation on a folder or a topic of the user's.
func onNamed(method, kind, path string, body any) func(s *scene) func() hosttest.Answer {
	return func(s *scene) func() hosttest.Answer {
		var made struct{ ID string }
		s.u.Call(s.t, http.MethodPost, "/v1/"+kind, map[string]any{"name": "Papers"}).JSON(s.t, http.StatusCreated, &made)
		return s.send(method, "/v1/"+kind+"/"+made.ID+path, body)
	}
}

// tags are two tags of a document of the user's.
func (s *scene) tags() (one, other string) {
	s.t.Helper()
	s.u.Call(s.t, http.MethodPatch, "/v1/documents/"+s.stored().ID.String(), map[string]any{"tags": []string{"a", "b"}}).JSON(s.t, http.StatusOK, nil)
	ids := dbtest.Query1[[]string](s.t, s.w.DB, `SELECT array_agg(id::text) FROM tags WHERE user_id = $1`, s.u.ID.String())
	if len(ids) != 2 {
		s.t.Fatalf("%d tags, want 2", len(ids))
	}
	return ids[0], ids[1]
}

func onTag(method, path string, body any) func(s *scene) func() hosttest.Answer {
	return func(s *scene) func() hosttest.Answer {
		one, _ := s.tags()
		return s.send(method, "/v1/tags/"+one+path, body)
	}
}

func plain(method, path string, body any) func(s *scene) func() hosttest.Answer {
	return func(s *scene) func() hosttest.Answer { return s.send(method, path, body) }
}

// entries has a row for every operation that is not a GET, by its name.
var entries = map[string]entry{
	"admin-change": {call: func(s *scene) func() hosttest.Answer {
		return func() hosttest.Answer {
			return s.boss.Call(s.t, http.MethodPatch, "/v1/admin/users/"+s.u.ID.String(), map[string]any{"disabled": true})
		}
	}, status: http.StatusOK, wants: []string{"admin account.administered"}, once: true},
	"admin-invite": {call: func(s *scene) func() hosttest.Answer {
		return func() hosttest.Answer {
			return s.boss.Call(s.t, http.MethodPost, "/v1/admin/invites", map[string]any{})
		}
	}, status: http.StatusCreated, wants: []string{"admin invite.created"}},
	"admin-uninvite": {call: func(s *scene) func() hosttest.Answer {
		var made struct{ ID string }
		s.boss.Call(s.t, http.MethodPost, "/v1/admin/invites", map[string]any{}).JSON(s.t, http.StatusCreated, &made)
		return func() hosttest.Answer {
			return s.boss.Call(s.t, http.MethodDelete, "/v1/admin/invites/"+made.ID, nil)
		}
	}, status: http.StatusNoContent, wants: []string{"admin invite.revoked"}, once: true},

	"auth-register": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/auth/register", map[string]any{"email": "new@example.org", "password": authtest.Password})
	}, status: http.StatusCreated, wants: []string{"user account.registered", "user session.created"}, once: true},
	"auth-login": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/auth/login", map[string]any{"email": s.email(), "password": authtest.Password})
	}, status: http.StatusOK, wants: []string{"user session.created"}},
	"auth-refresh": {call: func(s *scene) func() hosttest.Answer {
		answer := s.u.Call(s.t, http.MethodPost, "/v1/auth/login", map[string]any{"email": s.email(), "password": authtest.Password})
		answer.JSON(s.t, http.StatusOK, nil)
		cookie := ""
		for _, c := range answer.Cookies() {
			if strings.HasSuffix(c.Name, "docuvault_refresh") {
				cookie = c.Name + "=" + c.Value
			}
		}
		return s.send(http.MethodPost, "/v1/auth/refresh", nil, "Cookie", cookie)
	}, status: http.StatusOK, why: "a session that goes on every ten minutes is no event; its begin, its end and a replay are"},
	"auth-logout":   {call: plain(http.MethodPost, "/v1/auth/logout", nil), status: http.StatusNoContent, wants: []string{"user session.logged_out"}, once: true},
	"auth-password": {call: plain(http.MethodPost, "/v1/auth/password", map[string]any{"current_password": authtest.Password, "new_password": "another horse battery staple"}), status: http.StatusNoContent, wants: []string{"user password.changed"}},
	"auth-reauth":   {call: plain(http.MethodPost, "/v1/auth/reauth", map[string]any{"password": authtest.Password}), status: http.StatusNoContent, wants: []string{"user session.reauthenticated"}},
	"auth-forgot": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/auth/password/forgot", map[string]any{"email": s.email()})
	}, status: http.StatusAccepted, wants: []string{"system password.reset_requested"}, once: true},
	"auth-reset": {call: func(s *scene) func() hosttest.Answer {
		code := s.confirmed()[0]
		s.w.DB.Exec(s.t, `UPDATE users SET password_reset_by_mail = false WHERE id = $1`, s.u.ID.String())
		return s.send(http.MethodPost, "/v1/auth/password/reset", map[string]any{"email": s.email(), "recovery_code": code, "password": "another horse battery staple"})
	}, status: http.StatusNoContent, wants: []string{"user password.reset"}, once: true},
	"auth-verify": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/auth/verify", map[string]any{"token": s.link(letter.Verify)})
	}, status: http.StatusNoContent, wants: []string{"user account.email_verified"}, once: true},
	"auth-revoke": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodDelete, "/v1/auth/sessions/"+s.session().String(), nil)
	}, status: http.StatusNoContent, wants: []string{"user session.revoked"}, once: true},
	"auth-revokeothers": {call: func(s *scene) func() hosttest.Answer {
		s.session()
		return s.send(http.MethodDelete, "/v1/auth/sessions", nil)
	}, status: http.StatusNoContent, wants: []string{"user session.revoked"}, once: true},

	"documents-delete": {call: on(http.MethodDelete, "", nil), status: http.StatusNoContent, wants: []string{"user document.trashed"}, once: true},
	// Sealed values differ each time, so that the same title again is a change.
	"documents-patch": {call: on(http.MethodPatch, "", map[string]any{"title": "x", "tags": []string{"a", "b"}, "topic": "t"}), status: http.StatusOK, wants: []string{"user document.changed"}},
	"documents-reprocess": {call: func(s *scene) func() hosttest.Answer {
		d := s.u.Analyzed(s.t, "paper.txt", "text/plain", vaulttest.Unique(s.t, 50))
		return s.send(http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil)
	}, status: http.StatusAccepted, wants: []string{"user document.reprocessed"}, once: true},
	"documents-restore": {call: func(s *scene) func() hosttest.Answer {
		path := "/v1/documents/" + s.stored().ID.String()
		s.u.Call(s.t, http.MethodDelete, path, nil).JSON(s.t, http.StatusNoContent, nil)
		return s.send(http.MethodPost, path+"/restore", nil)
	}, status: http.StatusOK, wants: []string{"user document.restored"}, once: true},
	"documents-bulk": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/documents/bulk", map[string]any{"ids": []any{s.stored().ID}, "action": "trash"})
	}, status: http.StatusOK, wants: []string{"user document.trashed"}, once: true},
	"trash-empty": {call: func(s *scene) func() hosttest.Answer {
		s.u.Call(s.t, http.MethodDelete, "/v1/documents/"+s.stored().ID.String(), nil).JSON(s.t, http.StatusNoContent, nil)
		return s.send(http.MethodDelete, "/v1/trash", nil)
	}, status: http.StatusOK, wants: []string{"user document.purging"}, once: true},
	"folders-create": {call: plain(http.MethodPost, "/v1/folders", map[string]any{"name": "Papers"}), status: http.StatusCreated, wants: []string{"user folder.created"}, once: true},
	"folders-patch":  {call: onNamed(http.MethodPatch, "folders", "", map[string]any{"name": "Other papers"}), status: http.StatusOK, wants: []string{"user folder.changed"}},
	"folders-delete": {call: onNamed(http.MethodDelete, "folders", "", nil), status: http.StatusOK, wants: []string{"user folder.deleted"}, once: true},
	"topics-create":  {call: plain(http.MethodPost, "/v1/topics", map[string]any{"name": "Papers"}), status: http.StatusCreated, wants: []string{"user topic.created"}, once: true},
	"topics-patch":   {call: onNamed(http.MethodPatch, "topics", "", map[string]any{"name": "Other papers"}), status: http.StatusOK, wants: []string{"user topic.changed"}},
	"topics-delete":  {call: onNamed(http.MethodDelete, "topics", "", nil), status: http.StatusNoContent, wants: []string{"user topic.deleted"}, once: true},
	"tags-patch":     {call: onTag(http.MethodPatch, "", map[string]any{"name": "other"}), status: http.StatusOK, wants: []string{"user tag.renamed"}},
	"tags-delete":    {call: onTag(http.MethodDelete, "", nil), status: http.StatusNoContent, wants: []string{"user tag.deleted"}, once: true},
	"tags-merge": {call: func(s *scene) func() hosttest.Answer {
		from, into := s.tags()
		return s.send(http.MethodPost, "/v1/tags/"+from+"/merge", map[string]any{"into": into})
	}, status: http.StatusOK, wants: []string{"user tag.merged"}, once: true},

	"search-query": {call: plain(http.MethodPost, "/v1/search", map[string]any{"q": "paper"}), status: http.StatusOK, why: "it reads"},

	"events-storage": {call: func(s *scene) func() hosttest.Answer {
		content := vaulttest.Unique(s.t, 60)
		b := s.u.Begin(s.t, "paper.txt", "text/plain", content)
		b.Put(s.t, content)
		return func() hosttest.Answer {
			return hosttest.Call(s.t, http.DefaultClient, http.MethodPost, s.w.Server.URL+"/v1/events/storage", s.w.Event(s.w.Key(s.t, b.Document.ID)),
				"Authorization", "Bearer "+vaulttest.EventToken)
		}
	}, status: http.StatusNoContent, why: "it passes a message on, which nobody believes; who settles the upload writes"},

	"me-patch":       {call: plain(http.MethodPatch, "/v1/me", map[string]any{"display_name": "x"}), status: http.StatusOK, wants: []string{"user account.changed"}, once: true},
	"me-delete":      {call: plain(http.MethodDelete, "/v1/me", nil), status: http.StatusNoContent, wants: []string{"user account.deleted"}, once: true},
	"me-createtoken": {call: plain(http.MethodPost, "/v1/me/tokens", map[string]any{"name": "x", "scopes": []string{"read"}}), status: http.StatusCreated, wants: []string{"user token.created"}},
	"me-revoketoken": {call: func(s *scene) func() hosttest.Answer {
		_, token := apiToken(s.t, s.u, "read")
		return s.send(http.MethodDelete, "/v1/me/tokens/"+token, nil)
	}, status: http.StatusNoContent, wants: []string{"user token.revoked"}, once: true},
	"me-totpenrol": {call: plain(http.MethodPost, "/v1/me/totp", nil), status: http.StatusCreated, wants: []string{"user totp.enrolled"}},
	"me-totpconfirm": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/me/totp/confirm", map[string]any{"code": s.factor()})
	}, status: http.StatusOK, wants: []string{"user totp.enabled"}, once: true},
	"me-totpremove": {call: func(s *scene) func() hosttest.Answer {
		s.confirmed()
		return s.send(http.MethodDelete, "/v1/me/totp", nil)
	}, status: http.StatusNoContent, wants: []string{"user totp.disabled"}, once: true},
	"me-readalerts": {call: plain(http.MethodPost, "/v1/me/alerts/read", map[string]any{"up_to": id.New()}), status: http.StatusNoContent, why: "what was told is written down; that somebody has read it is theirs"},
	"me-recoverycodes": {call: func(s *scene) func() hosttest.Answer {
		s.confirmed()
		return s.send(http.MethodPost, "/v1/me/totp/recovery-codes", nil)
	}, status: http.StatusCreated, wants: []string{"user totp.recovery_codes_made"}},

	"uploads-batch": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/uploads/batch", map[string]any{"uploads": []any{vaulttest.Announce("x.txt", "text/plain", vaulttest.Unique(s.t, 75))}})
	}, status: http.StatusOK, wants: []string{"user upload.begun"}, once: true},
	"uploads-begin": {call: func(s *scene) func() hosttest.Answer {
		return s.send(http.MethodPost, "/v1/uploads", vaulttest.Announce("x.txt", "text/plain", vaulttest.Unique(s.t, 70)))
	}, status: http.StatusCreated, wants: []string{"user upload.begun"}, once: true},
	"uploads-parts": {call: func(s *scene) func() hosttest.Answer {
		content := vaulttest.Unique(s.t, vaulttest.PartSize+100)
		b := s.u.Begin(s.t, "x.txt", "text/plain", content)
		return s.send(http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/parts", map[string]any{"parts": []any{
			map[string]any{"number": 1, "size": vaulttest.PartSize, "sha256": strings.Repeat("a", 64)}}})
	}, status: http.StatusOK, why: "it signs URLs for an upload that is written down as begun, and moves its deadline"},
	"uploads-complete": {call: func(s *scene) func() hosttest.Answer {
		content := vaulttest.Unique(s.t, 80)
		b := s.u.Begin(s.t, "x.txt", "text/plain", content)
		b.Put(s.t, content)
		return s.send(http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil)
	}, status: http.StatusOK, wants: []string{"user upload.stored"}, once: true},
	"uploads-abort": {call: func(s *scene) func() hosttest.Answer {
		b := s.u.Begin(s.t, "x.txt", "text/plain", vaulttest.Unique(s.t, 90))
		return s.send(http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil)
	}, status: http.StatusNoContent, wants: []string{"user upload.aborted"}, once: true},
}

// reading are the GETs that write an entry.
var reading = map[string][]string{"documents-download": {"user document.downloaded"}}

// log tells what is new in the audit log since it was asked last.
type log struct {
	t    *testing.T
	w    *vaulttest.World
	last int64
}

func (l *log) news() []string {
	l.t.Helper()
	rows, err := l.w.DB.AsSuper(l.t).Query(context.Background(), `SELECT id, actor || ' ' || action FROM audit_log WHERE id > $1 ORDER BY id`, l.last)
	if err != nil {
		l.t.Fatal(err)
	}
	news := []string{}
	for rows.Next() {
		var what string
		if err := rows.Scan(&l.last, &what); err != nil {
			l.t.Fatal(err)
		}
		news = append(news, what)
	}
	if err := rows.Err(); err != nil {
		l.t.Fatal(err)
	}
	return news
}

// newScene makes a user with the password of a registered one, since few may
// register in a minute.
func newScene(t *testing.T, w *vaulttest.World, boss *vaulttest.User) *scene {
	t.Helper()
	s := &scene{t: t, w: w, u: w.User(t), boss: boss}
	w.DB.Exec(t, `INSERT INTO credentials (user_id, kind, phc) SELECT $1, 'password', phc FROM credentials WHERE kind = 'password' LIMIT 1`, s.u.ID.String())
	return s
}

func audited(t *testing.T) (w *vaulttest.World, boss *vaulttest.User) {
	t.Helper()
	vars := vaulttest.InParts()
	vars["MAIL"], vars["EMAIL_VERIFICATION"] = "on", "off"
	w = vaulttest.New(t, vars)
	boss = w.User(t)
	boss.Call(t, http.MethodPost, "/v1/auth/register", map[string]any{"email": "first@example.org", "password": authtest.Password}).JSON(t, http.StatusCreated, nil)
	w.DB.Exec(t, `UPDATE users SET role = 'admin' WHERE id = $1`, boss.ID.String())
	return w, boss
}

// Every operation of functions.All that is not a GET is done, and writes
// exactly what its row says; and so does a second time.
func TestEveryMutationWritesOneEntry(t *testing.T) {
	t.Parallel()
	w, boss := audited(t)
	l := &log{t: t, w: w}
	tried, known := 0, map[string]bool{}
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		if route.Method() == http.MethodGet {
			continue
		}
		row, ok := entries[fn.Name]
		if !ok {
			t.Errorf("%s (%s): add it to entries in entries_test.go: which entry does it write, in the statement that makes its change? Or none, and why?", fn.Name, route.Source())
			continue
		}
		known[fn.Name] = true
		if (len(row.wants) == 0) == (row.why == "") {
			t.Errorf("%s: either it wants entries, or a reason why there are none", fn.Name)
		}
		request := row.call(newScene(t, w, boss))
		l.news()
		answer := request()
		if answer.StatusCode != row.status {
			t.Errorf("%s answers %d, want %d: %.300s", fn.Name, answer.StatusCode, row.status, answer.Bytes)
		}
		if got := l.news(); !slices.Equal(got, row.wants) && len(got)+len(row.wants) > 0 {
			t.Errorf("%s writes %q, want %q", fn.Name, got, row.wants)
		}
		if row.once {
			again := request()
			if got := l.news(); len(got) != 0 {
				t.Errorf("%s changes nothing the second time (%d), and writes %q", fn.Name, again.StatusCode, got)
			}
		}
		tried++
	}
	for name := range entries {
		if !known[name] {
			t.Errorf("entries_test.go: there is no operation %s", name)
		}
	}
	if tried < 25 {
		t.Errorf("only %d operations", tried)
	}
}

// Reading writes nothing, but for a download.
func TestReadingWritesNoEntry(t *testing.T) {
	t.Parallel()
	w, boss := audited(t)
	s := newScene(t, w, boss)
	d := s.u.Analyzed(t, "paper.txt", "text/plain", vaulttest.Unique(t, 50))
	l := &log{t: t, w: w}
	l.news()
	fine := 0
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		if route.Method() != http.MethodGet {
			continue
		}
		caller := s.u
		if strings.HasPrefix(fn.Name, "admin-") {
			caller = boss
		}
		if answer := caller.Call(t, http.MethodGet, parameter.ReplaceAllString(route.Path(), d.ID.String()), nil); answer.StatusCode == http.StatusOK {
			fine++
		}
		if got := l.news(); !slices.Equal(got, reading[fn.Name]) && len(got)+len(reading[fn.Name]) > 0 {
			t.Errorf("%s writes %q, want %q", fn.Name, got, reading[fn.Name])
		}
	}
	if fine < 12 {
		t.Errorf("only %d operations answered 200", fine)
	}
}

// What is refused to somebody who may be an impostor is an event too.
func TestRefusedSignInsAreWrittenDown(t *testing.T) {
	t.Parallel()
	w, boss := audited(t)
	s := newScene(t, w, boss)
	l := &log{t: t, w: w}
	login := func(email, password, code string) hosttest.Answer {
		return (&vaulttest.User{World: w}).Call(t, http.MethodPost, "/v1/auth/login", map[string]any{"email": email, "password": password, "totp_code": code}, "User-Agent", "a device")
	}
	expect := func(what string, answer hosttest.Answer, code fault.Code, want, reason string) {
		t.Helper()
		answer.Problem(t, code)
		got := l.news()
		if want == "" && len(got) == 0 {
			return
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s writes %q, want %q", what, got, want)
			return
		}
		if r := dbtest.Query1[string](t, w.DB, `SELECT metadata->>'reason' FROM audit_log ORDER BY id DESC LIMIT 1`); r != reason {
			t.Errorf("%s: the reason is %q, want %q", what, r, reason)
		}
	}
	l.news()
	expect("a wrong password", login(s.email(), "not the password", ""), fault.InvalidCredentials, "system session.refused", "password")
	owner := dbtest.Query1[string](t, w.DB, `SELECT l.user_id || ' ' || p.personal FROM audit_log l JOIN audit_personal p ON p.audit_id = l.id ORDER BY l.id DESC LIMIT 1`)
	if !strings.HasPrefix(owner, s.u.ID.String()) || !strings.Contains(owner, "network") {
		t.Errorf("the entry is %s", owner)
	}
	expect("an unknown account", login("nobody@example.org", "not the password", ""), fault.InvalidCredentials, "system session.refused", "account")
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action = 'session.refused' AND user_id IS NULL AND personal_mac IS NULL`); n != 1 {
		t.Errorf("%d entries of nobody, want 1", n)
	}
	expect("a wrong proof", s.u.Call(t, http.MethodPost, "/v1/auth/reauth", map[string]any{"password": "not the password"}), fault.InvalidCredentials, "user session.reauth_refused", "password")
	expect("a wrong old password", s.u.Call(t, http.MethodPost, "/v1/auth/password", map[string]any{"current_password": "not the password", "new_password": "another horse battery staple"}),
		fault.InvalidCredentials, "user session.reauth_refused", "password")

	recovery := s.confirmed()[0]
	l.news()
	expect("no code", login(s.email(), authtest.Password, ""), fault.TOTPRequired, "", "")
	expect("a wrong code", login(s.email(), authtest.Password, "000000"), fault.InvalidCredentials, "system session.refused", "code")
	expect("a recovery code that is none", login(s.email(), authtest.Password, strings.Repeat("A", 24)), fault.InvalidCredentials, "system session.refused", "code")
	expect("a proof with a wrong code", s.u.Call(t, http.MethodPost, "/v1/auth/reauth", map[string]any{"password": authtest.Password, "totp_code": "000000"}),
		fault.InvalidCredentials, "user session.reauth_refused", "code")
	login(s.email(), authtest.Password, recovery).JSON(t, http.StatusOK, nil)
	if got := l.news(); !slices.Equal(got, []string{"user session.created", "user totp.recovery_code_used"}) {
		t.Errorf("a recovery code writes %q", got)
	}
	w.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE id = $1`, s.u.ID.String())
	expect("a closed account", login(s.email(), authtest.Password, ""), fault.InvalidCredentials, "system session.refused", "disabled")
	if bytes.Contains(w.DB.Dump(t), []byte("nobody@example.org")) {
		t.Error("the address of an unknown account is kept")
	}
}
