package login_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"docuvault/functions/auth/login"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
)

func try(t *testing.T, c *authtest.Client, email, password string) hosttest.Answer {
	t.Helper()
	return c.Login(t, email, password)
}

func TestLoginBeginsASession(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	registered := v.SignUp(t, "a@example.org")
	c := v.Client()
	c.Headers = []string{"User-Agent", "curl/8.5"}
	answer := try(t, c, " A@Example.org", authtest.Password)
	answer.JSON(t, http.StatusOK, nil)
	if c.Grant.User.ID != registered.Grant.User.ID || c.Grant.TokenType != "Bearer" || c.Grant.ExpiresIn != 600 {
		t.Errorf("grant %+v", c.Grant)
	}
	if c.RefreshToken() == "" || c.RefreshToken() == registered.RefreshToken() || c.Cookies["docuvault_device"] == "" {
		t.Error("not a session and a device of its own")
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM sessions WHERE device = 'curl' AND network = '127.0.0.0/24' AND generation = 1
		AND expires_at BETWEEN now() + interval '89 days' AND now() + interval '91 days' AND idle_timeout = interval '14 days'`); n != 1 {
		t.Errorf("%d sessions of this login", n)
	}
}

// Nothing tells an account that does not exist from one that does: not the
// answer, not the number of hashes, which is what takes time.
func TestUnknownAndKnownAccountsLookTheSame(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	v.SignUp(t, "known@example.org")
	v.SignUp(t, "disabled@example.org")
	v.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE email = 'disabled@example.org'`)
	hasher, err := auth.OpenHasher(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for _, c := range []struct{ email, password string }{
		{"known@example.org", "wrong"},
		{"known@example.org", ""},
		{"known@example.org", strings.Repeat("w", 512)},
		{"unknown@example.org", "wrong"},
		{"unknown@example.org", authtest.Password},
		{"no address at all", authtest.Password},
		{"disabled@example.org", authtest.Password},
		{"disabled@example.org", "wrong"},
	} {
		before := hasher.Calls()
		answer := try(t, v.Client(), c.email, c.password)
		answer.Problem(t, fault.InvalidCredentials)
		if n := hasher.Calls() - before; n != 1 {
			t.Errorf("%s: %d hashes, want 1", c.email, n)
		}
		body := strings.ReplaceAll(string(answer.Bytes), answer.Header.Get("X-Request-Id"), "")
		if first == "" {
			first = body
		}
		if body != first {
			t.Errorf("%s answers %s, others %s", c.email, body, first)
		}
		if len(answer.Cookies()) != 0 {
			t.Errorf("%s: a refused login sets cookies", c.email)
		}
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM sessions`); n != 2 {
		t.Errorf("%d sessions, want those of the two registrations", n)
	}
}

func TestOldHashesAreRenewed(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	v.SignUp(t, "a@example.org")
	salt := []byte("salt of 16 bytes")
	old := fmt.Sprintf("$argon2id$v=19$m=8192,t=1,p=1$%s$%s", b64(salt), b64(argon2.IDKey([]byte(authtest.Password), salt, 1, 8192, 1, 32)))
	v.DB.Exec(t, `UPDATE credentials SET phc = $1`, old)
	try(t, v.Client(), "a@example.org", "wrong").Problem(t, fault.InvalidCredentials)
	if got := dbtest.Query1[string](t, v.DB, `SELECT phc FROM credentials`); got != old {
		t.Error("a wrong password changed the hash")
	}
	try(t, v.Client(), "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	renewed := dbtest.Query1[string](t, v.DB, `SELECT phc FROM credentials`)
	if !strings.HasPrefix(renewed, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is not renewed: %s", renewed[:35])
	}
	try(t, v.Client(), "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	if got := dbtest.Query1[string](t, v.DB, `SELECT phc FROM credentials`); got != renewed {
		t.Error("a hash of today's cost was renewed")
	}
}

func TestGuessingIsLimited(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"TRUSTED_PROXIES": "127.0.0.1"}, login.Function)
	owner := v.SignUp(t, "victim@example.org")
	from := func(address string) *authtest.Client {
		c := v.Client()
		c.Headers = append(c.Headers, "X-Forwarded-For", address)
		return c
	}
	thief := from("198.51.100.7")
	for range 10 {
		try(t, thief, "victim@example.org", "wrong").Problem(t, fault.InvalidCredentials)
	}
	hasher, err := auth.OpenHasher(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	before := hasher.Calls()
	answer := try(t, thief, "victim@example.org", authtest.Password) // even the right one
	members := answer.Problem(t, fault.RateLimited)
	if after := members["retry_after"]; after != float64(61) && after != float64(60) || answer.Header.Get("Retry-After") != fmt.Sprint(after) {
		t.Errorf("retry_after %v, Retry-After %q", after, answer.Header.Get("Retry-After"))
	}
	if hasher.Calls() != before {
		t.Error("a refused try was hashed")
	}
	// Another address of the same network is the same network; the same account
	// is known under all forms of its address.
	try(t, from("198.51.100.8"), "Victim@example.org", "wrong").Problem(t, fault.RateLimited)
	// The owner: on the known device even from the thief's network, and anywhere else.
	known := from("198.51.100.9")
	known.Cookies["docuvault_device"] = owner.Cookies["docuvault_device"]
	try(t, known, "victim@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	try(t, from("203.0.113.5"), "victim@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	// Another account from the thief's network.
	v.SignUp(t, "other@example.org")
	try(t, from("198.51.100.7"), "other@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	// A device that is known for another account is a stranger here.
	stranger := from("198.51.100.7")
	stranger.Cookies["docuvault_device"] = thief.Vault.SignUp(t, "thief@example.org").Cookies["docuvault_device"]
	try(t, stranger, "victim@example.org", authtest.Password).Problem(t, fault.RateLimited)
	// Time heals: one try a minute.
	v.DB.Exec(t, `UPDATE rate_limits SET updated_at = updated_at - interval '61 seconds'`)
	try(t, thief, "victim@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	try(t, from("198.51.100.7"), "victim@example.org", authtest.Password).Problem(t, fault.RateLimited)
	// What is kept of all this is no address.
	dump := string(v.DB.Dump(t))
	limits := dump[strings.Index(dump, "-- public.rate_limits"):]
	limits, _, _ = strings.Cut(limits[3:], "\n-- ")
	if strings.Contains(limits, "example.org") || strings.Contains(limits, "198.51.100") {
		t.Errorf("the buckets hold addresses:\n%s", limits)
	}
}

// The known device has a limit too: its cookie may be stolen.
func TestKnownDevicesAreLimited(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	c := v.SignUp(t, "a@example.org")
	for range 20 {
		try(t, c, "a@example.org", "wrong").Problem(t, fault.InvalidCredentials)
	}
	try(t, c, "a@example.org", authtest.Password).Problem(t, fault.RateLimited)
	delete(c.Cookies, "docuvault_device") // and then it is a stranger
	try(t, c, "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
}

// A network that tries many accounts with one password is slowed down as well.
func TestNetworksAreLimited(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	v.SignUp(t, "a@example.org")
	try(t, v.Client(), "a@example.org", "wrong").Problem(t, fault.InvalidCredentials)
	// Far above the limit, so that a slow machine does not wait it off.
	if n := v.DB.Exec(t, `UPDATE rate_limits SET spent = 1000 WHERE bucket = sha256($1)`, []byte("login.network\x00127.0.0.0/24")); n != 1 {
		t.Fatalf("%d buckets of the network", n)
	}
	members := try(t, v.Client(), "c@example.org", "wrong").Problem(t, fault.RateLimited)
	if after, _ := members["retry_after"].(float64); after < 1 || after > 3 {
		t.Errorf("retry_after %v, want about 2", members["retry_after"])
	}
}

func TestConcurrentTriesSpendExactly(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function)
	v.SignUp(t, "a@example.org")
	answers := make(chan int)
	for range 25 {
		go func() {
			answers <- try(t, v.Client(), "a@example.org", "wrong").StatusCode
		}()
	}
	counts := map[int]int{}
	for range 25 {
		counts[<-answers]++
	}
	if counts[http.StatusUnauthorized] != 10 || counts[http.StatusTooManyRequests] != 15 {
		t.Errorf("%v, want 10 tries and 15 refusals", counts)
	}
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
