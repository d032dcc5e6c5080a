package verify_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"docuvault/functions/admin/invite"
	"docuvault/functions/auth/forgot"
	"docuvault/functions/auth/login"
	"docuvault/functions/auth/register"
	"docuvault/functions/auth/reset"
	"docuvault/functions/auth/verify"
	"docuvault/functions/me/get"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/mail/mailtest"
)

const (
	ada   = "ada@example.org"
	hers  = "correct horse battery staple"
	thief = "a thief's own battery staple"
)

func vault(t *testing.T, change map[string]string) (*authtest.Vault, *mailtest.Inbox) {
	t.Helper()
	inbox := mailtest.Open(t)
	vars := map[string]string{"SMTP_URL": inbox.URL(), "TRUSTED_PROXIES": "127.0.0.1"}
	for name, value := range change {
		vars[name] = value
	}
	return authtest.Open(t, vars, register.Function, login.Function, forgot.Function, reset.Function, verify.Function, get.Function, invite.Function), inbox
}

func join(t *testing.T, c *authtest.Client, email, password, invite string) hosttest.Answer {
	t.Helper()
	body := map[string]string{"email": email, "password": password}
	if invite != "" {
		body["invite"] = invite
	}
	return c.Call(t, http.MethodPost, "/v1/auth/register", body)
}

func prove(t *testing.T, v *authtest.Vault, token string) hosttest.Answer {
	t.Helper()
	return v.Client().Call(t, http.MethodPost, "/v1/auth/verify", map[string]string{"token": token})
}

// tokens are those of all links that an address got, oldest first.
func tokens(t *testing.T, v *authtest.Vault, inbox *mailtest.Inbox, email string) (all []string) {
	t.Helper()
	mailtest.Deliver(t, v.Env, v.DB)
	for _, m := range inbox.To(t, email) {
		if token := m.Token(); token != "" {
			all = append(all, token)
		}
	}
	return all
}

func count(t *testing.T, v *authtest.Vault, rest string) int {
	t.Helper()
	return dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM `+rest)
}

func TestAnAddressIsProvenFirst(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t, nil) // required, since there is mail
	answer := join(t, v.Client(), " Ada@Example.org", hers, "")
	answer.JSON(t, http.StatusAccepted, nil)
	if len(answer.Cookies()) != 0 || strings.TrimSpace(string(answer.Bytes)) != "{}" {
		t.Errorf("cookies %v, body %s", answer.Cookies(), answer.Bytes)
	}
	if n := count(t, v, `sessions`); n != 0 {
		t.Errorf("%d sessions", n)
	}
	v.Client().Login(t, ada, "not the password").Problem(t, fault.InvalidCredentials)
	v.Client().Login(t, ada, hers).Problem(t, fault.EmailUnverified)
	links := tokens(t, v, inbox, ada)
	if len(links) != 1 {
		t.Fatalf("%d links; the login came right after the registration", len(links))
	}
	for _, wrong := range []string{"x", links[0][1:], links[0] + "="} {
		prove(t, v, wrong).Problem(t, fault.LinkInvalid)
	}
	statuses := map[int]int{}
	var mu sync.Mutex
	var at sync.WaitGroup
	for range 4 {
		at.Go(func() {
			status := prove(t, v, links[0]).StatusCode
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	at.Wait()
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusForbidden] != 3 {
		t.Errorf("one link at four places at once: %v", statuses)
	}
	c := v.Client()
	c.Login(t, ada, hers).JSON(t, http.StatusOK, nil)
	var me struct {
		Verified bool `json:"email_verified"`
	}
	c.Call(t, http.MethodGet, "/v1/me", nil).JSON(t, http.StatusOK, &me)
	if !me.Verified {
		t.Error("the account does not say so")
	}
	if n := count(t, v, `alerts`); n != 0 {
		t.Error("the first sign-in of an account is told as one on a new device")
	}
	if got := dbtest.Query1[string](t, v.DB, `SELECT string_agg(action || ' ' || actor, ', ' ORDER BY id) FROM audit_log WHERE action <> 'session.refused'`); got != "account.registered user, account.email_verified user, session.created user" {
		t.Errorf("audit: %s", got)
	}
}

func TestALinkLastsADay(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t, nil)
	join(t, v.Client(), ada, hers, "").JSON(t, http.StatusAccepted, nil)
	link := tokens(t, v, inbox, ada)[0]
	if left := dbtest.Query1[float64](t, v.DB, `SELECT extract(epoch FROM expires_at - claimed_at)::float8 FROM mails`); left < 86399 || left > 86401 {
		t.Errorf("a link lasts %v s", left)
	}
	v.DB.Exec(t, `UPDATE mails SET expires_at = clock_timestamp() - interval '1 second', created_at = created_at - interval '1 day'`)
	prove(t, v, link).Problem(t, fault.LinkInvalid)
	// Who knows the password gets another one, one in five minutes.
	for range 3 {
		v.Client().Login(t, ada, hers).Problem(t, fault.EmailUnverified)
	}
	links := tokens(t, v, inbox, ada)
	if len(links) != 2 || count(t, v, `audit_log WHERE action = 'account.verification_sent'`) != 1 {
		t.Fatalf("%d links", len(links))
	}
	prove(t, v, links[1]).JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, hers).JSON(t, http.StatusOK, nil)
}

// Whether an address is taken shows in nothing but a mail to it.
func TestRegisteringSaysNothingOfOthers(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"open", "invite"} {
		v, inbox := vault(t, map[string]string{"REGISTRATION": policy})
		hasher, err := auth.OpenHasher(v.Env)
		if err != nil {
			t.Fatal(err)
		}
		invitation := func() string {
			if policy == "open" {
				return ""
			}
			token := dbtest.Query1[string](t, v.DB, `SELECT gen_random_uuid()::text`)
			v.DB.Exec(t, `INSERT INTO invites (id, token_hash, created_by, expires_at) VALUES (gen_random_uuid(), sha256($1::bytea), gen_random_uuid(), now() + interval '1 day')`, []byte(token))
			return token
		}
		join(t, v.Client(), "taken@example.org", hers, invitation()).JSON(t, http.StatusAccepted, nil)
		prove(t, v, tokens(t, v, inbox, "taken@example.org")[0]).JSON(t, http.StatusNoContent, nil)
		join(t, v.Client(), "pending@example.org", hers, invitation()).JSON(t, http.StatusAccepted, nil)
		join(t, v.Client(), "gone@example.org", hers, invitation()).JSON(t, http.StatusAccepted, nil)
		v.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE email = 'gone@example.org'`)
		messages := func() int { return count(t, v, `river.river_job WHERE queue = 'mail'`) }
		var first string
		for _, email := range []string{"new@example.org", "taken@example.org", "pending@example.org", "gone@example.org"} {
			if policy == "invite" { // an invite that is none says the same for all
				join(t, v.Client(), email, hers, "made-up").Problem(t, fault.InviteInvalid)
			}
			token, hashes, sent := invitation(), hasher.Calls(), messages()
			answer := join(t, v.Client(), email, thief, token)
			if hashes, sent = hasher.Calls()-hashes, messages()-sent; hashes != 1 || sent != 1 {
				t.Errorf("%s: %d hashes, %d messages", email, hashes, sent)
			}
			if policy == "invite" { // and is used up in each case
				join(t, v.Client(), email, hers, token).Problem(t, fault.InviteInvalid)
			}
			said := answer.Status + string(answer.Bytes) + answer.Header.Get("Set-Cookie")
			if first == "" {
				first = said
			}
			if said != first {
				t.Errorf("%s: %s, others %s", email, said, first)
			}
		}
		mailtest.Deliver(t, v.Env, v.DB)
		if m := inbox.Last(t, "taken@example.org", "have an account"); m.Token() != "" {
			t.Error("the owner of a taken address got a link")
		}
		v.Client().Login(t, "taken@example.org", thief).Problem(t, fault.InvalidCredentials)
		v.Client().Login(t, "taken@example.org", hers).JSON(t, http.StatusOK, nil)
		if n := count(t, v, `audit_log WHERE action = 'account.registration_repeated' AND actor = 'system'`); n != 2 {
			t.Errorf("%d audit entries, want of the taken and of the pending one", n)
		}
	}
}

// A stranger who registers an address before its owner does has won nothing:
// each link sets the password of its own registration.
func TestWhoeverWasFirstHasWonNothing(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t, nil)
	join(t, v.Client(), ada, thief, "").JSON(t, http.StatusAccepted, nil)
	join(t, v.Client(), ada, hers, "").JSON(t, http.StatusAccepted, nil)
	join(t, v.Client(), ada, "another of the thief's", "").JSON(t, http.StatusAccepted, nil)
	links := tokens(t, v, inbox, ada)
	if len(links) != 3 {
		t.Fatalf("%d links", len(links))
	}
	prove(t, v, links[1]).JSON(t, http.StatusNoContent, nil)
	nothingIsLeft(t, v)
	for _, other := range []string{links[0], links[2], links[1]} {
		prove(t, v, other).Problem(t, fault.LinkInvalid)
	}
	for _, wrong := range []string{thief, "another of the thief's"} {
		v.Client().Login(t, ada, wrong).Problem(t, fault.InvalidCredentials)
	}
	v.Client().Login(t, ada, hers).JSON(t, http.StatusOK, nil)
}

// nothingIsLeft looks whether a row still holds what a link was for.
func nothingIsLeft(t *testing.T, v *authtest.Vault) {
	t.Helper()
	if n := count(t, v, `mails WHERE phc IS NOT NULL OR token_hash IS NOT NULL`); n != 0 {
		t.Errorf("%d rows still hold what a link was for", n)
	}
}

// A reset by mail proves the address too, and ends the links of registrations.
func TestAResetProvesTheAddress(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t, nil)
	join(t, v.Client(), ada, thief, "").JSON(t, http.StatusAccepted, nil)
	join(t, v.Client(), ada, "another of the thief's", "").JSON(t, http.StatusAccepted, nil)
	links := tokens(t, v, inbox, ada)
	v.Client().Call(t, http.MethodPost, "/v1/auth/password/forgot", map[string]string{"email": ada}).JSON(t, http.StatusAccepted, nil)
	mailtest.Deliver(t, v.Env, v.DB)
	v.Client().Call(t, http.MethodPost, "/v1/auth/password/reset",
		map[string]string{"token": inbox.Last(t, ada, "new password").Token(), "password": hers}).JSON(t, http.StatusNoContent, nil)
	nothingIsLeft(t, v)
	for _, link := range links {
		prove(t, v, link).Problem(t, fault.LinkInvalid)
	}
	v.Client().Login(t, ada, hers).JSON(t, http.StatusOK, nil)
}

// Where addresses are proven only from now on, an account that is in use keeps
// its password, whoever registers its address again.
func TestAnAccountInUseKeepsItsPassword(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t, nil)
	join(t, v.Client(), ada, hers, "").JSON(t, http.StatusAccepted, nil)
	join(t, v.Client(), ada, thief, "").JSON(t, http.StatusAccepted, nil)
	links := tokens(t, v, inbox, ada)
	// It signed in while that was not demanded yet.
	v.DB.Exec(t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout) SELECT gen_random_uuid(), id, now() + interval '1 day', '1 day' FROM users`)
	join(t, v.Client(), ada, thief, "").JSON(t, http.StatusAccepted, nil)
	mailtest.Deliver(t, v.Env, v.DB)
	inbox.Last(t, ada, "have an account")
	prove(t, v, links[1]).JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, thief).Problem(t, fault.InvalidCredentials)
	v.Client().Login(t, ada, hers).JSON(t, http.StatusOK, nil)
}

func TestRegisteringAtOnceMakesOneAccount(t *testing.T) {
	t.Parallel()
	v, _ := vault(t, nil)
	var all sync.WaitGroup
	statuses := make([]int, 5)
	for n := range statuses {
		all.Go(func() { statuses[n] = join(t, v.Client(), ada, hers, "").StatusCode })
	}
	all.Wait()
	if slices.ContainsFunc(statuses, func(s int) bool { return s != http.StatusAccepted }) {
		t.Errorf("statuses %v", statuses)
	}
	if users, links := count(t, v, `users`), count(t, v, `mails WHERE kind = 'verify'`); users != 1 || links != 5 {
		t.Errorf("%d users, %d links", users, links)
	}
	join(t, v.Client(), ada, hers, "").Problem(t, fault.RateLimited)
	other := v.Client()
	other.Headers = append(other.Headers, "X-Forwarded-For", "198.51.100.7")
	join(t, other, ada, hers, "").JSON(t, http.StatusAccepted, nil) // the owner, from elsewhere
}
