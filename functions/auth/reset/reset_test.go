package reset_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"docuvault/functions/auth/forgot"
	"docuvault/functions/auth/login"
	"docuvault/functions/auth/reset"
	"docuvault/functions/auth/sessions"
	"docuvault/functions/me/patch"
	"docuvault/functions/me/totpconfirm"
	"docuvault/functions/me/totpenrol"
	"docuvault/functions/me/totpremove"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/mail/mailtest"
)

const (
	ada  = "ada@example.org"
	next = "another battery staple"
)

var all = []host.Function{login.Function, forgot.Function, reset.Function, sessions.Function, patch.Function,
	totpenrol.Function, totpconfirm.Function, totpremove.Function}

func vault(t *testing.T) (*authtest.Vault, *mailtest.Inbox) {
	t.Helper()
	inbox := mailtest.Open(t)
	vars := inbox.Vars()
	vars["TRUSTED_PROXIES"] = "127.0.0.1"
	return authtest.Open(t, vars, all...), inbox
}

func ask(t *testing.T, c *authtest.Client, email string) hosttest.Answer {
	t.Helper()
	return c.Call(t, http.MethodPost, "/v1/auth/password/forgot", map[string]string{"email": email})
}

func byLink(t *testing.T, v *authtest.Vault, token, password string) hosttest.Answer {
	t.Helper()
	return v.Client().Call(t, http.MethodPost, "/v1/auth/password/reset", map[string]string{"token": token, "password": password})
}

func byCode(t *testing.T, v *authtest.Vault, email, code string) hosttest.Answer {
	t.Helper()
	return v.Client().Call(t, http.MethodPost, "/v1/auth/password/reset", map[string]string{"email": email, "recovery_code": code, "password": next})
}

// link asks for a link and returns its token.
func link(t *testing.T, v *authtest.Vault, inbox *mailtest.Inbox, email string) string {
	t.Helper()
	ask(t, v.Client(), email).JSON(t, http.StatusAccepted, nil)
	mailtest.Deliver(t, v.Env, v.DB)
	token := inbox.Last(t, email, "new password").Token()
	if token == "" {
		t.Fatal("no link in the mail")
	}
	return token
}

func count(t *testing.T, v *authtest.Vault, rest string) int {
	t.Helper()
	return dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM `+rest)
}

func TestALostPassword(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	c, other, stranger := v.SignUp(t, ada), v.Client(), v.SignUp(t, "bob@example.org")
	other.Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil)
	token := link(t, v, inbox, " Ada@Example.org")
	for _, refused := range []string{"short", "Password123", strings.Repeat("x", 129)} {
		byLink(t, v, token, refused).Problem(t, fault.ValidationFailed) // and the link is still good
	}
	v.Client().Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil)

	answer := byLink(t, v, token, next)
	answer.JSON(t, http.StatusNoContent, nil)
	if len(answer.Cookies()) != 0 {
		t.Error("a reset signs in")
	}
	for _, ended := range []*authtest.Client{c, other} {
		ended.Call(t, http.MethodGet, "/v1/auth/sessions", nil).Problem(t, fault.SessionRevoked)
	}
	stranger.Call(t, http.MethodGet, "/v1/auth/sessions", nil).JSON(t, http.StatusOK, nil)
	byLink(t, v, token, "yet another staple").Problem(t, fault.LinkInvalid)
	v.Client().Login(t, ada, authtest.Password).Problem(t, fault.InvalidCredentials)
	v.Client().Login(t, ada, next).JSON(t, http.StatusOK, nil)
	mailtest.Deliver(t, v.Env, v.DB)
	told := 0
	for _, m := range inbox.To(t, ada) {
		if strings.Contains(m.Subject, "was reset") {
			told++
		}
		if strings.Contains(m.Text+m.HTML, "staple") {
			t.Error("a mail holds the password")
		}
	}
	if told != 1 {
		t.Errorf("%d mails tell of it", told)
	}
	for rest, want := range map[string]int{
		`audit_log WHERE action = 'password.reset_requested' AND actor = 'system'`:                     1,
		`audit_log WHERE action = 'password.reset' AND actor = 'user' AND metadata = '{"by": "mail"}'`: 1,
		`alerts WHERE kind = 'password_reset'`:                                                         1,
		`users WHERE email = 'ada@example.org' AND email_verified_at IS NOT NULL`:                      1, // the link came through that mailbox
		`users WHERE email_verified_at IS NOT NULL`:                                                    1,
		`sessions WHERE revoked_reason = 'password'`:                                                   3,
		`mails WHERE token_hash IS NOT NULL`:                                                           0,
		`audit_personal p JOIN audit_log l ON l.id = p.audit_id WHERE l.action LIKE 'password.reset%'`: 2,
	} {
		if n := count(t, v, rest); n != want {
			t.Errorf("%s: %d, want %d", rest, n, want)
		}
	}
}

func TestALinkWorksOnce(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	v.SignUp(t, ada)
	token := link(t, v, inbox, ada)
	answers := make(chan int)
	for range 6 {
		go func() { answers <- byLink(t, v, token, next).StatusCode }()
	}
	statuses := map[int]int{}
	for range 6 {
		statuses[<-answers]++
	}
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusForbidden] != 5 {
		t.Errorf("one link at six places at once: %v", statuses)
	}
	if n := count(t, v, `audit_log WHERE action = 'password.reset'`); n != 1 {
		t.Errorf("%d audit entries", n)
	}
}

func TestLinksThatAreNoneOfThese(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	c, other := v.SignUp(t, ada), v.SignUp(t, "bob@example.org")
	token := link(t, v, inbox, ada)
	user, err := id.Parse(c.Grant.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := id.Parse(other.Grant.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	made, _ := letter.NewToken(user)
	foreign, _ := letter.NewToken(bob)
	nobody, _ := letter.NewToken(id.New())
	hasher, err := auth.OpenHasher(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	before := hasher.Calls()
	refused := map[string]string{
		"made up": made.Reveal(), "of another user": foreign.Reveal(), "of nobody": nobody.Reveal(), "no token": "x", "cut": token[:len(token)-1],
		"padded": token + "=", "with another's id": foreign.Reveal()[:21] + token[21:],
	}
	for what, wrong := range refused {
		if wrong == token {
			t.Fatalf("%s is the token itself", what)
		}
		byLink(t, v, wrong, next).Problem(t, fault.LinkInvalid)
	}
	if hasher.Calls() != before {
		t.Error("links that are not good cost hashes")
	}
	whole := func() {
		v.DB.Exec(t, `UPDATE mails SET expires_at = clock_timestamp() + interval '10 minutes', kind = 'reset'`)
		v.DB.Exec(t, `UPDATE users SET disabled_at = NULL, password_reset_by_mail = true`)
	}
	for what, sql := range map[string]string{
		"expired":             `UPDATE mails SET expires_at = clock_timestamp() - interval '1 second'`,
		"of another kind":     `UPDATE mails SET kind = 'verify', dedupe = 'x'`,
		"of a closed account": `UPDATE users SET disabled_at = now() WHERE email = 'ada@example.org'`,
		"switched off":        `UPDATE users SET password_reset_by_mail = false WHERE email = 'ada@example.org'`,
	} {
		whole()
		v.DB.Exec(t, sql)
		members := byLink(t, v, token, next).Problem(t, fault.LinkInvalid)
		if members["detail"] == "" {
			t.Errorf("%s: no reason", what)
		}
	}
	whole()
	if n := count(t, v, `audit_log WHERE action = 'password.reset'`); n != 0 {
		t.Errorf("%d resets", n)
	}
	byLink(t, v, token, next).JSON(t, http.StatusNoContent, nil) // it was good all the time
}

func TestALinkLastsTenMinutes(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	v.SignUp(t, ada)
	link(t, v, inbox, ada)
	if left := dbtest.Query1[float64](t, v.DB, `SELECT extract(epoch FROM expires_at - claimed_at)::float8 FROM mails`); left < 599 || left > 601 {
		t.Errorf("a link lasts %v s", left)
	}
}

// enable switches the second factor on.
func enable(t *testing.T, c *authtest.Client) (secret string, recovery []string) {
	t.Helper()
	var enrolled struct{ Secret string }
	c.Call(t, http.MethodPost, "/v1/me/totp", nil).JSON(t, http.StatusCreated, &enrolled)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var confirmed struct {
		Codes []string `json:"recovery_codes"`
	}
	c.Call(t, http.MethodPost, "/v1/me/totp/confirm", map[string]string{"code": code}).JSON(t, http.StatusOK, &confirmed)
	return enrolled.Secret, confirmed.Codes
}

func later(t *testing.T, secret string) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestAResetNeverSkipsTheSecondFactor(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	secret, _ := enable(t, v.SignUp(t, ada))
	byLink(t, v, link(t, v, inbox, ada), next).JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, next).Problem(t, fault.TOTPRequired)
	v.Client().LoginWith(t, ada, next, later(t, secret)).JSON(t, http.StatusOK, nil)
}

func TestARecoveryCodeInPlaceOfMail(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	c, bob := v.SignUp(t, ada), v.SignUp(t, "bob@example.org")
	off := map[string]any{"settings": map[string]any{"password_reset_by_mail": false}}
	on := map[string]any{"settings": map[string]any{"password_reset_by_mail": true}}
	c.Call(t, http.MethodPatch, "/v1/me", off).Problem(t, fault.WrongState) // there is no code
	secret, codes := enable(t, c)
	_, hers := enable(t, bob)
	token := link(t, v, inbox, ada)
	byCode(t, v, ada, codes[0]).Problem(t, fault.InvalidCredentials) // while mail is on, codes do nothing
	v.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '11 minutes'`)
	c.Call(t, http.MethodPatch, "/v1/me", off).Problem(t, fault.ReauthRequired)
	v.DB.Exec(t, `UPDATE sessions SET reauth_at = now()`)
	var me struct {
		Settings struct {
			ByMail bool `json:"password_reset_by_mail"`
		} `json:"settings"`
	}
	c.Call(t, http.MethodPatch, "/v1/me", off).JSON(t, http.StatusOK, &me)
	if me.Settings.ByMail {
		t.Error("still on")
	}
	c.Call(t, http.MethodDelete, "/v1/me/totp", nil).Problem(t, fault.WrongState) // the codes would go with it

	byLink(t, v, token, next).Problem(t, fault.LinkInvalid) // sent before
	v.DB.Exec(t, `UPDATE mails SET created_at = created_at - interval '5 minutes'`)
	ask(t, v.Client(), ada).JSON(t, http.StatusAccepted, nil)
	mailtest.Deliver(t, v.Env, v.DB)
	if m := inbox.Last(t, ada, "not reset by mail"); m.Token() != "" {
		t.Error("the mail has a link with a token")
	}
	for _, wrong := range []string{hers[0], "AAAA-AAAA", codes[0][1:]} {
		byCode(t, v, ada, wrong).Problem(t, fault.InvalidCredentials)
	}
	answers := make(chan int)
	for range 3 {
		go func() { answers <- byCode(t, v, ada, strings.ToLower(codes[0])).StatusCode }()
	}
	statuses := map[int]int{}
	for range 3 {
		statuses[<-answers]++
	}
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusUnauthorized] != 2 {
		t.Errorf("one code at three places at once: %v", statuses)
	}
	c.Call(t, http.MethodGet, "/v1/auth/sessions", nil).Problem(t, fault.SessionRevoked)
	v.Client().Login(t, ada, next).Problem(t, fault.TOTPRequired)
	v.Client().LoginWith(t, ada, next, codes[0]).Problem(t, fault.InvalidCredentials) // used up
	again := v.Client()
	again.LoginWith(t, ada, next, later(t, secret)).JSON(t, http.StatusOK, nil)
	again.Call(t, http.MethodPatch, "/v1/me", on).JSON(t, http.StatusOK, nil)
	again.Call(t, http.MethodDelete, "/v1/me/totp", nil).JSON(t, http.StatusNoContent, nil)
	if n := count(t, v, `audit_log WHERE action = 'password.reset' AND metadata = '{"by": "recovery_code"}'`); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	if n := count(t, v, `audit_log WHERE action = 'account.changed' AND metadata = '{"fields": ["password_reset_by_mail"]}'`); n != 2 {
		t.Errorf("%d audit entries of the setting", n)
	}
	v.Client().Call(t, http.MethodPost, "/v1/auth/password/reset", map[string]string{"email": ada, "password": next}).Problem(t, fault.ValidationFailed)
}

// A login that has checked the old password while it is reset either ends with
// the other sessions or is refused: none is left.
func TestALoginMeetsTheReset(t *testing.T) {
	t.Parallel()
	v, inbox := vault(t)
	v.SignUp(t, ada)
	token := link(t, v, inbox, ada)
	var logins sync.WaitGroup
	for range 8 {
		logins.Go(func() {
			if status := v.Client().Login(t, ada, authtest.Password).StatusCode; status != http.StatusOK && status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
		})
	}
	byLink(t, v, token, next).JSON(t, http.StatusNoContent, nil)
	logins.Wait()
	if n := count(t, v, `sessions WHERE revoked_at IS NULL`); n != 0 {
		t.Errorf("%d sessions live", n)
	}
}
