package mail_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/vaulttest"
)

// kinds are the kinds of mails that a user is owed, or was sent, in order; and
// of the alerts.
func kinds(t *testing.T, w *vaulttest.World, user string) (mails, alerts []string) {
	t.Helper()
	return dbtest.Query1[[]string](t, w.DB, `SELECT coalesce(array_agg(kind ORDER BY created_at), '{}') FROM mails WHERE user_id = $1`, user),
		dbtest.Query1[[]string](t, w.DB, `SELECT coalesce(array_agg(kind ORDER BY created_at), '{}') FROM alerts WHERE user_id = $1`, user)
}

func expect(t *testing.T, w *vaulttest.World, what, user string, want ...string) {
	t.Helper()
	mails, alerts := kinds(t, w, user)
	if !slices.Equal(mails, want) || !slices.Equal(alerts, want) {
		t.Errorf("%s: mails %q, alerts %q, want %q", what, mails, alerts, want)
	}
}

// A quota that fills is told of once at 80 and once at 95 percent, and again
// when it had room meanwhile.
func TestQuotaIsToldOnceACrossing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	user := u.ID.String()
	fill := func(used, limit int64) {
		t.Helper()
		w.DB.Exec(t, `UPDATE quotas SET used_bytes = $2, limit_bytes = $3 WHERE user_id = $1`, user, used, limit)
	}
	var want []string
	for _, step := range []struct {
		used, limit int64
		tells       string
	}{
		{799, 1000, ""}, {800, 1000, "quota_80"}, {801, 1000, ""}, {949, 1000, ""}, {950, 1000, "quota_95"}, {1000, 1000, ""},
		{940, 1000, ""}, {960, 1000, "quota_95"}, {0, 1000, ""}, {960, 1000, "quota_95"}, // both at once: the higher one
		{960, 2000, ""}, {960, 1100, "quota_80"}, {960, 0, "quota_95"}, {0, 0, ""}, {0, 1000, ""},
		{8_000_000_000_000_000_000, 9_000_000_000_000_000_000, "quota_80"},
	} {
		fill(step.used, step.limit)
		if step.tells != "" {
			want = append(want, step.tells)
		}
		expect(t, w, "", user, want...)
	}
}

// The functions that fill it, as they are: an upload, and an administrator.
func TestUploadsAndAdministratorsFillIt(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, boss := w.User(t), w.User(t)
	w.DB.Exec(t, `UPDATE users SET role = 'admin' WHERE id = $1`, boss.ID.String())
	w.DB.Exec(t, `UPDATE quotas SET limit_bytes = 1000 WHERE user_id = $1`, u.ID.String())
	d := u.Store(t, "a.txt", "text/plain", bytes.Repeat([]byte("a"), 850))
	expect(t, w, "an upload", u.ID.String(), "quota_80")
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil)
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	u.Store(t, "b.txt", "text/plain", bytes.Repeat([]byte("b"), 850))
	expect(t, w, "a second one", u.ID.String(), "quota_80", "quota_80")
	boss.Call(t, http.MethodPatch, "/v1/admin/users/"+u.ID.String(), map[string]int{"quota_limit_bytes": 860}).JSON(t, http.StatusOK, nil)
	expect(t, w, "a lower limit", u.ID.String(), "quota_80", "quota_80", "quota_95")
	expect(t, w, "the administrator", boss.ID.String())
}

// Ids that the database makes order with those of the code.
func TestIDsOfTheDatabase(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	last := id.New().String()
	for range 50 {
		made := dbtest.Query1[string](t, db, `SELECT make_id()::text`)
		if made[:13] < last[:13] || made[14] != '7' || !strings.ContainsRune("89ab", rune(made[19])) {
			t.Errorf("%s after %s", made, last)
		}
		last = made
		if after := id.New().String(); after[:13] < made[:13] {
			t.Errorf("%s of the code after %s", after, made)
		}
	}
}

func TestSignInsOnNewDevicesAreTold(t *testing.T) {
	t.Parallel()
	w, inbox := vault(t)
	v := clients(w)
	c := v.SignUp(t, "ada@example.org")
	user := c.Grant.User.ID
	c.Login(t, "ada@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	expect(t, w, "the device of the registration", user)

	stranger := v.Client()
	stranger.Login(t, "ada@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	expect(t, w, "a stranger", user, "new_device")
	stranger.Login(t, "ada@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	expect(t, w, "who is known now", user, "new_device")

	// Another of the same kind, in the same network, on the same day: an alert.
	v.Client().Login(t, "ada@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	if mails, alerts := kinds(t, w, user); len(mails) != 1 || len(alerts) != 2 {
		t.Errorf("mails %q, alerts %q", mails, alerts)
	}
	script := v.Client()
	script.Headers = []string{"User-Agent", "curl/8.5 ledger-of-1987.pdf"}
	script.Login(t, "ada@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	script.Login(t, "ada@example.org", "wrong")
	for _, l := range owed(t, w, user) {
		deliver(t, w, l)
	}
	got := inbox.To(t, "ada@example.org")
	if len(got) != 2 || !strings.Contains(got[0].Text, "Firefox on Linux, from the network 127.0.0.0/24") || !strings.Contains(got[1].Text, "curl, from") {
		t.Errorf("mails %+v", got)
	}
	for _, m := range got {
		if bytes.Contains(inbox.Source(t, m), []byte("1987")) {
			t.Error("a mail holds what a client says of itself")
		}
	}
}

// Somebody who changes the password is told of it, once.
func TestAChangedPasswordIsTold(t *testing.T) {
	t.Parallel()
	w, inbox := vault(t)
	c := clients(w).SignUp(t, "ada@example.org")
	c.Call(t, http.MethodPost, "/v1/auth/password", map[string]string{"current_password": "wrong", "new_password": "another battery staple"})
	expect(t, w, "a wrong password", c.Grant.User.ID)
	c.Call(t, http.MethodPost, "/v1/auth/password", map[string]string{"current_password": authtest.Password, "new_password": "another battery staple"}).
		JSON(t, http.StatusNoContent, nil)
	expect(t, w, "a change", c.Grant.User.ID, "password_changed")
	for _, l := range owed(t, w, c.Grant.User.ID) {
		deliver(t, w, l)
	}
	if got := inbox.To(t, "ada@example.org"); len(got) != 1 || strings.Contains(got[0].Text+got[0].HTML, "staple") {
		t.Errorf("mails %+v", got)
	}
}

// The database takes each kind that the code knows, and no other.
func TestKinds(t *testing.T) {
	t.Parallel()
	check := dbtest.Query1[string](t, dbtest.New(t), `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'mails_kind_check'`)
	for _, kind := range letter.Kinds {
		if !strings.Contains(check, "'"+string(kind)+"'") {
			t.Errorf("%s is not in %s", kind, check)
		}
	}
	if n := strings.Count(check, "::text"); n-1 != len(letter.Kinds) && n != len(letter.Kinds) {
		t.Errorf("%d kinds in %s", n, check)
	}
}
