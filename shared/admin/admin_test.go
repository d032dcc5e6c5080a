package admin_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/functions"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
)

// administrator makes a user with the role.
func administrator(t *testing.T, w *vaulttest.World) *vaulttest.User {
	t.Helper()
	u := w.User(t)
	w.DB.Exec(t, `UPDATE users SET role = 'admin' WHERE id = $1`, u.ID.String())
	return u
}

type account struct {
	ID       id.ID  `json:"id"`
	Email    string `json:"email"`
	Disabled bool   `json:"disabled"`
	Limit    int64  `json:"quota_limit_bytes"`
}

func TestUsersAndStats(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	boss := administrator(t, w)
	var made []id.ID
	for range 3 {
		made = append(made, w.User(t).ID)
	}
	made = append(made, boss.ID)
	slices.SortFunc(made, func(a, b id.ID) int { return strings.Compare(a.String(), b.String()) })
	var seen []id.ID
	for cursor := ""; ; {
		var page struct {
			Items      []account `json:"items"`
			NextCursor string    `json:"next_cursor"`
		}
		boss.Call(t, http.MethodGet, "/v1/admin/users?limit=3&cursor="+cursor, nil).JSON(t, http.StatusOK, &page)
		for _, u := range page.Items {
			seen = append(seen, u.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if !slices.Equal(seen, made) {
		t.Errorf("users %v, want %v", seen, made)
	}
	var stats map[string]int64
	boss.Call(t, http.MethodGet, "/v1/admin/stats", nil).JSON(t, http.StatusOK, &stats)
	if stats["users"] != 4 || stats["admins"] != 1 || stats["live_sessions"] != 4 || stats["quota_limit_bytes"] != 4*vaulttest.Quota {
		t.Errorf("stats %v", stats)
	}
}

// Closing an account ends its sessions at the next request, also after it is
// opened again; each change leaves one entry in its log, and none changes nothing.
func TestChange(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	boss, user := administrator(t, w), w.User(t)
	path := "/v1/admin/users/" + user.ID.String()
	entries := func() int {
		return dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE user_id = $1 AND actor = 'admin'`, user.ID.String())
	}
	change := func(body any) (a account) {
		t.Helper()
		boss.Call(t, http.MethodPatch, path, body).JSON(t, http.StatusOK, &a)
		return a
	}
	if got := change(map[string]any{"quota_limit_bytes": 5}); got.Limit != 5 || got.Disabled || entries() != 1 {
		t.Errorf("limit: %+v, %d entries", got, entries())
	}
	change(map[string]any{"quota_limit_bytes": 5})
	change(map[string]any{"disabled": false})
	change(map[string]any{})
	if entries() != 1 {
		t.Errorf("%d entries after changes that changed nothing", entries())
	}
	if got := change(map[string]any{"disabled": true}); !got.Disabled || entries() != 2 {
		t.Errorf("closed: %+v, %d entries", got, entries())
	}
	user.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	change(map[string]any{"disabled": false})
	user.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	for _, extra := range []string{"role", "email", "used_bytes", "user_id"} {
		boss.Call(t, http.MethodPatch, path, map[string]any{extra: "admin"}).Problem(t, fault.ValidationFailed)
	}
	boss.Call(t, http.MethodPatch, "/v1/admin/users/"+id.New().String(), map[string]any{"disabled": true}).Problem(t, fault.NotFound)
	w.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '11 minutes' WHERE id = $1`, boss.Session.String())
	boss.Call(t, http.MethodPatch, path, map[string]any{"disabled": true}).Problem(t, fault.ReauthRequired)
}

// Of administrators who close each other's accounts at once, one stays.
func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	one, other := administrator(t, w), administrator(t, w)
	// The first use of a session writes its row, and closing an account does: a
	// deadlock, which PostgreSQL ends and the client may repeat.
	w.Allow("Two changes met")
	var together sync.WaitGroup
	for _, pair := range [][2]*vaulttest.User{{one, other}, {other, one}} {
		together.Go(func() {
			pair[0].Call(t, http.MethodPatch, "/v1/admin/users/"+pair[1].ID.String(), map[string]any{"disabled": true})
		})
	}
	together.Wait()
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL`); n != 1 {
		t.Fatalf("%d administrators are left", n)
	}
	left := one
	if dbtest.Query1[bool](t, w.DB, `SELECT disabled_at IS NOT NULL FROM users WHERE id = $1`, one.ID.String()) {
		left = other
	}
	left.Call(t, http.MethodPatch, "/v1/admin/users/"+left.ID.String(), map[string]any{"disabled": true}).Problem(t, fault.LastAdmin)
	// With another one, an administrator may go.
	administrator(t, w)
	left.Call(t, http.MethodPatch, "/v1/admin/users/"+left.ID.String(), map[string]any{"disabled": true}).JSON(t, http.StatusOK, nil)
	left.Call(t, http.MethodGet, "/v1/admin/stats", nil).Problem(t, fault.SessionRevoked)
}

// Every function of the database for administrators, found in the catalogue,
// refuses everybody else: nobody, the system, a user, a closed, demoted or
// signed-out administrator, one whose session has ended by itself, and one who
// names another's session.
func TestTheFunctionsCheckForThemselves(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	boss, user := administrator(t, w), w.User(t)
	closed, demoted, out := administrator(t, w), administrator(t, w), administrator(t, w)
	expired, idle := administrator(t, w), administrator(t, w)
	w.DB.Exec(t, `UPDATE sessions SET expires_at = clock_timestamp() WHERE id = $1`, expired.Session.String())
	w.DB.Exec(t, `UPDATE sessions SET last_used_at = clock_timestamp() - idle_timeout WHERE id = $1`, idle.Session.String())
	w.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE id = $1`, closed.ID.String())
	w.DB.Exec(t, `UPDATE users SET role = 'user' WHERE id = $1`, demoted.ID.String())
	w.DB.Exec(t, `UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE id = $1`, out.Session.String())
	db, err := database.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	found := dbtest.Query1[[]string](t, w.DB, `SELECT array_agg(p.proname || '(' || array_to_string(array_prepend('@session', array_fill('NULL'::text, ARRAY[p.pronargs - 1])), ', ') || ')')
		FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'admin\_%' AND p.proname <> 'admin_target'`)
	if len(found) < 7 {
		t.Fatalf("only %v", found)
	}
	for _, call := range found {
		for name, who := range map[string]struct{ user, session id.ID }{
			"nobody": {}, "the system": {user: boss.ID}, "a user": {user.ID, user.Session}, "a closed administrator": {closed.ID, closed.Session},
			"a former administrator": {demoted.ID, demoted.Session}, "one who signed out": {out.ID, out.Session},
			"one whose session is over": {expired.ID, expired.Session}, "one who was idle": {idle.ID, idle.Session},
			"a user with an administrator's session": {user.ID, boss.Session}, "an administrator with another's session": {boss.ID, user.Session},
		} {
			err := db.Do(t.Context(), database.OnBehalfOf(who.user), func(b *database.Batch) {
				b.Exec(`SELECT * FROM `+call, database.Args{"session": database.NullID(who.session)})
			})
			if fault.CodeOf(err) != fault.Forbidden {
				t.Errorf("%s as %s: %v", call, name, err)
			}
		}
		// The setting by which the owner's policies name an account is no way in.
		err := db.Do(t.Context(), database.OnBehalfOf(user.ID), func(b *database.Batch) {
			b.Exec(`SELECT set_config('app.admin_target', @boss::text, true)`, database.Args{"boss": boss.ID.String()})
			b.Exec(`UPDATE sessions SET revoked_at = now(), revoked_reason = 'logout' WHERE user_id = @boss`, database.Args{"boss": boss.ID})
		})
		if err != nil || dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM sessions WHERE id = $1 AND revoked_at IS NULL`, boss.Session.String()) != 1 {
			t.Errorf("app.admin_target opens another's rows to the app role: %v", err)
		}
	}
	// And each route answers 403 to a user.
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		if !strings.HasPrefix(route.Path(), "/v1/admin/") {
			continue
		}
		user.Call(t, route.Method(), strings.ReplaceAll(route.Path(), "{id}", boss.ID.String()), map[string]any{}).Problem(t, fault.Forbidden)
	}
}

// What these functions return is ids, times, counts, bytes and states, by the
// catalogue: of all text only the address, the role, who acted and what it was.
func TestTheFunctionsReturnCountsAndBytes(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	texts := []string{"admin_users.email", "admin_users.role", "admin_change_user.email", "admin_change_user.role",
		"admin_audit.actor", "admin_audit.action", "admin_invites.email"}
	returned := dbtest.Query1[[]string](t, d, `SELECT array_agg(p.proname || '.' || coalesce(o.name, 'result') || ' ' || format_type(o.type, NULL) ORDER BY 1)
		FROM pg_proc p, LATERAL (
		  SELECT p.proargnames[i] AS name, p.proallargtypes[i] AS type FROM generate_subscripts(p.proallargtypes, 1) i WHERE p.proargmodes[i] IN ('o', 'b', 't')
		  UNION ALL SELECT NULL, p.prorettype WHERE p.proallargtypes IS NULL) o
		WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'admin\_%'`)
	if len(returned) < 40 {
		t.Fatalf("only %q", returned)
	}
	for _, column := range returned {
		name, kind, _ := strings.Cut(column, " ")
		switch kind {
		case "uuid", "timestamp with time zone", "bigint", "integer", "boolean", "void":
		default:
			if kind != "text" || !slices.Contains(texts, name) {
				t.Errorf("%s returns a %s", name, kind)
			}
		}
	}
}

// An administrator's token is worth nothing on another user's ids, on every
// route that takes one, whatever headers and parameters come along; and no
// token, claim or header makes one user another.
func TestAnAdministratorReadsNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	boss, user := administrator(t, w), w.User(t)
	document := user.Store(t, "a.txt", "text/plain", []byte("words")).ID
	before := dbtest.Query1[string](t, w.DB, `SELECT string_agg(d::text, '|') FROM documents d`)
	bodies := map[string]any{
		"uploads-parts": map[string]any{"parts": []any{map[string]any{"number": 1, "size": 1, "sha256": strings.Repeat("a", 64)}}},
		"tags-patch":    map[string]any{"name": "mine"},
		"tags-merge":    map[string]any{"into": id.New()},
	}
	claims := []string{"X-User-Id", user.ID.String(), "X-Forwarded-User", user.ID.String(), "X-Act-As", user.ID.String(), "Cookie", "user_id=" + user.ID.String()}
	checked := 0
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		if !strings.Contains(route.Path(), "{") || strings.HasPrefix(route.Path(), "/v1/admin/") {
			continue
		}
		for _, target := range []id.ID{document, user.Session, user.ID} {
			path := route.Path()
			for strings.Contains(path, "{") {
				from, to := strings.Index(path, "{"), strings.Index(path, "}")
				path = path[:from] + target.String() + path[to+1:]
			}
			var body any
			if route.Method() != http.MethodGet {
				body = map[string]any{}
			}
			if given, ok := bodies[fn.Name]; ok {
				body = given
			}
			answer := boss.Call(t, route.Method(), path, body, claims...)
			if answer.StatusCode != http.StatusForbidden && answer.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", route.Method(), path, answer.StatusCode, answer.Bytes)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("only %d requests", checked)
	}
	if after := dbtest.Query1[string](t, w.DB, `SELECT string_agg(d::text, '|') FROM documents d`); after != before {
		t.Errorf("the document changed:\n%s\n%s", before, after)
	}
	// Lists are the caller's own.
	for _, query := range []string{"", "?user_id=" + user.ID.String(), "?sub=" + user.ID.String(), "?as=" + user.ID.String()} {
		if answer := boss.Call(t, http.MethodGet, "/v1/documents"+query, nil, claims...); strings.Contains(string(answer.Bytes), document.String()) {
			t.Errorf("the list%s shows another's document", query)
		}
	}
	var me account
	boss.Call(t, http.MethodGet, "/v1/me", nil, claims...).JSON(t, http.StatusOK, &me)
	if me.ID != boss.ID {
		t.Errorf("headers made %s to %s", boss.ID, me.ID)
	}

	// A token signed by another key, and one that names another's session.
	forged, err := keys.Generate("t1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key   secret.Text
		who   auth.Identity
		wants fault.Code
	}{
		"another key":       {forged, auth.Identity{User: user.ID, Session: user.Session, Generation: 1, AuthTime: time.Now()}, fault.Unauthenticated},
		"another's session": {secret.New(w.Vars["JWT_SIGNING_KEYS"]), auth.Identity{User: user.ID, Session: boss.Session, Generation: 1, AuthTime: time.Now()}, fault.SessionRevoked},
	} {
		vars := map[string]string{}
		for k, v := range w.Vars {
			vars[k] = v
		}
		vars["JWT_SIGNING_KEYS"] = c.key.Reveal()
		set, err := keys.ParseSet("JWT_SIGNING_KEYS", c.key)
		if err != nil {
			t.Fatal(err)
		}
		vars["JWT_PUBLIC_KEYS"] = string(auth.JWKS(set))
		env, _ := hosttest.Env(t, vars)
		signer, err := auth.OpenSigner(env)
		if err != nil {
			t.Fatal(err)
		}
		token, err := signer.Sign(c.who)
		if err != nil {
			t.Fatal(err)
		}
		eve := &vaulttest.User{World: w, Token: token.Reveal()}
		if answer := eve.Call(t, http.MethodGet, "/v1/documents/"+document.String(), nil); !strings.Contains(string(answer.Bytes), `"`+string(c.wants)+`"`) {
			t.Errorf("a token with %s: %d %s", name, answer.StatusCode, answer.Bytes)
		}
	}
}

// No column that makes somebody an administrator can be written by the app role.
func TestNobodyMakesAnAdministrator(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for _, column := range []string{"users.role", "users.disabled_at", "quotas.limit_bytes"} {
		table, name, _ := strings.Cut(column, ".")
		if dbtest.Query1[bool](t, d, `SELECT has_column_privilege('docuvault_app', $1, $2, 'UPDATE')`, table, name) {
			t.Errorf("docuvault_app may update %s", column)
		}
	}
	for _, column := range []string{"role", "disabled_at"} {
		if dbtest.Query1[bool](t, d, `SELECT has_column_privilege('docuvault_app', 'users', $1, 'INSERT')`, column) {
			t.Errorf("docuvault_app may insert users.%s", column)
		}
	}
	for _, privilege := range []string{"SELECT", "INSERT", "UPDATE", "DELETE"} {
		if dbtest.Query1[bool](t, d, `SELECT has_table_privilege('docuvault_app', 'invites', $1)`, privilege) {
			t.Errorf("docuvault_app may %s invites", privilege)
		}
	}
	// No definer function writes the role.
	if f := dbtest.Query1[string](t, d, `SELECT coalesce(string_agg(proname, ','), '') FROM pg_proc
		WHERE pronamespace = 'public'::regnamespace AND prosecdef AND (prosrc ~* 'set\s+role\s*=' OR prosrc ~* 'insert into users')`); f != "" {
		t.Errorf("%s writes users.role", f)
	}
	page, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"impersonat", "act-as", "act_as", "login-as", "x-user-id", "on-behalf"} {
		if strings.Contains(strings.ToLower(string(page)), word) {
			t.Errorf("openapi.yaml has %q", word)
		}
	}
}

func TestInvites(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"REGISTRATION": "invite"})
	boss := administrator(t, w)
	type invite struct {
		ID    id.ID  `json:"id"`
		Token string `json:"token"`
	}
	ask := func(body map[string]any) (i invite) {
		t.Helper()
		boss.Call(t, http.MethodPost, "/v1/admin/invites", body).JSON(t, http.StatusCreated, &i)
		return i
	}
	nobody := &vaulttest.User{World: w}
	register := func(email, token string) (status int, body string) {
		t.Helper()
		a := nobody.Call(t, http.MethodPost, "/v1/auth/register", map[string]any{"email": email, "password": authtest.Password, "invite": token})
		return a.StatusCode, string(a.Bytes)
	}
	refused := func(name, email, token string) {
		t.Helper()
		if status, body := register(email, token); status != http.StatusForbidden || !strings.Contains(body, `"invite_invalid"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM users WHERE email = $1`, email); n != 0 {
			t.Errorf("%s: an account", name)
		}
	}
	bound := ask(map[string]any{"email": "Ada@example.org"})
	refused("none", "n1@example.org", "")
	refused("made up", "n2@example.org", "made-up")
	refused("for another address", "n3@example.org", bound.Token)
	if status, body := register("ada@example.org", bound.Token); status != http.StatusCreated {
		t.Fatalf("invited: %d %s", status, body)
	}
	refused("used", "n4@example.org", bound.Token)

	revoked := ask(map[string]any{})
	boss.Call(t, http.MethodDelete, "/v1/admin/invites/"+revoked.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	boss.Call(t, http.MethodDelete, "/v1/admin/invites/"+revoked.ID.String(), nil).Problem(t, fault.NotFound)
	refused("revoked", "n5@example.org", revoked.Token)
	late := ask(map[string]any{"expires_in": 60})
	w.DB.Exec(t, `UPDATE invites SET expires_at = now() - interval '1 second' WHERE id = $1`, late.ID.String())
	refused("expired", "n6@example.org", late.Token)

	// A taken address does not use the invite up: its transaction is undone.
	again := ask(map[string]any{})
	if status, body := register("ada@example.org", again.Token); status != http.StatusConflict {
		t.Errorf("taken address: %d %s", status, body)
	}
	var together sync.WaitGroup
	made := make([]int, 4)
	for n := range made {
		together.Go(func() {
			made[n], _ = register(fmt.Sprintf("many%d@example.org", n), again.Token)
		})
	}
	together.Wait()
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM users WHERE email LIKE 'many%'`); n != 1 {
		t.Errorf("one invite made %d accounts: %v", n, made)
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	answer := boss.Call(t, http.MethodGet, "/v1/admin/invites", nil)
	answer.JSON(t, http.StatusOK, &list)
	if len(list.Items) != 4 || strings.Contains(string(answer.Bytes), "ada@") || strings.Contains(string(answer.Bytes), again.Token) {
		t.Errorf("list %s", answer.Bytes)
	}
	if dump := string(w.DB.Dump(t)); strings.Contains(dump, again.Token) || strings.Contains(dump, bound.Token) {
		t.Error("the database holds a token")
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action LIKE 'invite.%' AND actor = 'admin' AND user_id = $1`, boss.ID.String()); n != 5 {
		t.Errorf("%d entries of four invites and a revocation", n)
	}
	var events struct {
		Items []map[string]any `json:"items"`
	}
	boss.Call(t, http.MethodGet, "/v1/admin/audit?limit=200", nil).JSON(t, http.StatusOK, &events)
	for _, e := range events.Items {
		for _, key := range []string{"metadata", "network", "device", "target", "email"} {
			if e[key] != nil {
				t.Errorf("a security event tells its %s: %v", key, e)
			}
		}
	}
	if len(events.Items) < 9 {
		t.Errorf("only %d events", len(events.Items))
	}
}
