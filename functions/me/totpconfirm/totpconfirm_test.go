package totpconfirm_test

import (
	"bytes"
	"image/png"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/password"
	"docuvault/functions/auth/reauth"
	"docuvault/functions/me/recoverycodes"
	metotp "docuvault/functions/me/totp"
	"docuvault/functions/me/totpconfirm"
	"docuvault/functions/me/totpenrol"
	"docuvault/functions/me/totpremove"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
)

const ada = "ada@example.org"

func vault(t *testing.T) *authtest.Vault {
	t.Helper()
	return authtest.Open(t, nil, login.Function, reauth.Function, password.Function, metotp.Function, totpenrol.Function,
		totpconfirm.Function, totpremove.Function, recoverycodes.Function)
}

func code(t *testing.T, secret string, later time.Duration) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, time.Now().Add(later))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enable switches the second factor on.
func enable(t *testing.T, c *authtest.Client) (secret string, recovery []string) {
	t.Helper()
	var enrolled struct {
		Secret string `json:"secret"`
		URL    string `json:"otpauth_url"`
		QR     []byte `json:"qr_png"`
	}
	c.Call(t, http.MethodPost, "/v1/me/totp", nil).JSON(t, http.StatusCreated, &enrolled)
	if _, err := png.Decode(bytes.NewReader(enrolled.QR)); err != nil || !strings.HasPrefix(enrolled.URL, "otpauth://totp/DocuVault:") {
		t.Errorf("QR code: %v, URL %.25s", err, enrolled.URL)
	}
	var confirmed struct {
		Codes []string `json:"recovery_codes"`
	}
	c.Call(t, http.MethodPost, "/v1/me/totp/confirm", map[string]string{"code": code(t, enrolled.Secret, 0)}).JSON(t, http.StatusOK, &confirmed)
	if len(confirmed.Codes) != 10 {
		t.Fatalf("%d recovery codes", len(confirmed.Codes))
	}
	return enrolled.Secret, confirmed.Codes
}

func count(t *testing.T, v *authtest.Vault, sql string) int {
	t.Helper()
	return dbtest.Query1[int](t, v.DB, sql)
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	v := vault(t)
	c := v.SignUp(t, ada)
	c.Call(t, http.MethodPost, "/v1/me/totp/confirm", map[string]string{"code": "123456"}).Problem(t, fault.WrongState)
	v.Client().Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil) // none yet
	secret, recovery := enable(t, c)
	c.Call(t, http.MethodPost, "/v1/me/totp", nil).Problem(t, fault.WrongState)

	// The password alone does not do, and only who has it learns that.
	v.Client().Login(t, ada, authtest.Password).Problem(t, fault.TOTPRequired)
	v.Client().LoginWith(t, ada, "wrong", code(t, secret, 0)).Problem(t, fault.InvalidCredentials)
	v.Client().LoginWith(t, ada, authtest.Password, "000000").Problem(t, fault.InvalidCredentials)
	// The code that confirmed was used; the next one is good once.
	next := code(t, secret, 30*time.Second)
	answers := make(chan int)
	for range 6 {
		go func() { answers <- v.Client().LoginWith(t, ada, authtest.Password, next).StatusCode }()
	}
	statuses := map[int]int{}
	for range 6 {
		statuses[<-answers]++
	}
	if statuses[http.StatusOK] != 1 || statuses[http.StatusUnauthorized] != 5 {
		t.Errorf("one code at six places at once: %v", statuses)
	}
	v.DB.Exec(t, `UPDATE rate_limits SET spent = 0`)
	v.Client().LoginWith(t, ada, authtest.Password, next).Problem(t, fault.InvalidCredentials)

	// A recovery code, as people type it, once.
	v.Client().LoginWith(t, ada, authtest.Password, strings.ToLower(strings.ReplaceAll(recovery[0], "-", " "))).JSON(t, http.StatusOK, nil)
	v.Client().LoginWith(t, ada, authtest.Password, recovery[0]).Problem(t, fault.InvalidCredentials)
	if n := count(t, v, `SELECT count(*) FROM alerts WHERE kind = 'recovery_code_used'`); n != 1 {
		t.Errorf("%d alerts of the recovery code", n)
	}
	if n := count(t, v, `SELECT count(*) FROM audit_log WHERE action = 'totp.recovery_code_used'`); n != 1 {
		t.Errorf("%d audit entries of the recovery code", n)
	}
	var status struct {
		Enabled bool `json:"enabled"`
		Left    int  `json:"recovery_codes"`
	}
	c.Call(t, http.MethodGet, "/v1/me/totp", nil).JSON(t, http.StatusOK, &status)
	if !status.Enabled || status.Left != 9 {
		t.Errorf("status %+v", status)
	}
	// Another way to a password does not go around the code.
	v.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '11 minutes'`)
	for _, sensitive := range [][2]string{{http.MethodDelete, "/v1/me/totp"}, {http.MethodPost, "/v1/me/totp/recovery-codes"}} {
		c.Call(t, sensitive[0], sensitive[1], nil).Problem(t, fault.ReauthRequired)
	}
	change := map[string]string{"current_password": authtest.Password, "new_password": "another battery staple"}
	c.Call(t, http.MethodPost, "/v1/auth/password", change).Problem(t, fault.ReauthRequired)
	c.Call(t, http.MethodPost, "/v1/auth/reauth", map[string]string{"password": authtest.Password}).Problem(t, fault.TOTPRequired)
	c.Call(t, http.MethodPost, "/v1/auth/reauth", map[string]string{"password": authtest.Password, "totp_code": recovery[1]}).JSON(t, http.StatusNoContent, nil)
	v.DB.Exec(t, `UPDATE rate_limits SET spent = 0`)
	var fresh struct {
		Codes []string `json:"recovery_codes"`
	}
	c.Call(t, http.MethodPost, "/v1/me/totp/recovery-codes", nil).JSON(t, http.StatusCreated, &fresh)
	v.Client().LoginWith(t, ada, authtest.Password, recovery[2]).Problem(t, fault.InvalidCredentials)
	c.Call(t, http.MethodPost, "/v1/auth/password", change).JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, "another battery staple").Problem(t, fault.TOTPRequired)
	v.DB.Exec(t, `UPDATE rate_limits SET spent = 0`)
	v.Client().LoginWith(t, ada, "another battery staple", fresh.Codes[0]).JSON(t, http.StatusOK, nil)
	c.Call(t, http.MethodDelete, "/v1/me/totp", nil).JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, "another battery staple").JSON(t, http.StatusOK, nil)
	if n := count(t, v, `SELECT count(*) FROM alerts WHERE kind IN ('totp_enabled', 'totp_disabled', 'password_changed')`); n != 3 {
		t.Errorf("%d alerts, want 3", n)
	}
	dump := string(v.DB.Dump(t))
	for _, secretText := range append([]string{secret, strings.ReplaceAll(recovery[3], "-", "")}, recovery...) {
		if strings.Contains(dump, secretText) || strings.Contains(v.Log.String(), secretText) {
			t.Error("a secret lies in the database or the log")
		}
	}
}

// Switching it on ends the proofs that other sessions gave without a code.
func TestOtherProofsEnd(t *testing.T) {
	t.Parallel()
	v := vault(t)
	c, thief := v.SignUp(t, ada), v.Client()
	thief.Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil)
	enable(t, c)
	thief.Call(t, http.MethodDelete, "/v1/me/totp", nil).Problem(t, fault.ReauthRequired)
}

// A thief of the password cannot try codes for long, and cannot keep the owner
// out: a known device and recovery codes are not counted with them.
func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	v := vault(t)
	c := v.SignUp(t, ada)
	secret, recovery := enable(t, c)
	v.DB.Exec(t, `UPDATE rate_limits SET spent = 0`)
	limited := false
	for range 12 {
		answer := v.Client().LoginWith(t, ada, authtest.Password, "000000")
		v.DB.Exec(t, `UPDATE rate_limits SET spent = 0 WHERE bucket = sha256($1)`, []byte("login.account\x00"+ada+"\x00127.0.0.0/24"))
		limited = limited || answer.StatusCode == http.StatusTooManyRequests
	}
	if !limited {
		t.Fatal("twelve wrong codes were looked at")
	}
	v.Client().LoginWith(t, ada, authtest.Password, code(t, secret, 0)).Problem(t, fault.RateLimited)
	v.Client().LoginWith(t, ada, authtest.Password, recovery[0]).JSON(t, http.StatusOK, nil)
	c.LoginWith(t, ada, authtest.Password, code(t, secret, 30*time.Second)).JSON(t, http.StatusOK, nil)
}
