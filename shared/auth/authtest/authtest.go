// Package authtest gives tests of functions a vault with keys and a database of
// its own, and clients that sign in to it as browsers do.
package authtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"docuvault/shared/auth"
	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// Password is the one that clients register with.
const Password = "correct horse battery staple"

// Firefox is a user agent that the list of sessions calls "Firefox on Linux".
const Firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"

// Vault serves some functions on a database of its own.
type Vault struct {
	DB     *dbtest.Database
	Env    *host.Env
	Log    *hosttest.Log
	Vars   map[string]string
	Server *httptest.Server
}

// Vars are the variables that functions need on this database: its URL, fresh
// keys, and REGISTRATION=open.
func Vars(t testing.TB, db *dbtest.Database) map[string]string {
	t.Helper()
	vars := map[string]string{"DATABASE_URL": db.AppURL, "REGISTRATION": "open"}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		key, err := keys.Generate("test")
		if err != nil {
			t.Fatalf("authtest: %v", err)
		}
		vars[name] = key.Reveal()
	}
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(vars["JWT_SIGNING_KEYS"]))
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	vars["JWT_PUBLIC_KEYS"] = string(auth.JWKS(signing))
	return vars
}

// Open serves the functions until the test ends. change overrides variables.
func Open(t testing.TB, change map[string]string, fns ...host.Function) *Vault {
	t.Helper()
	db := dbtest.New(t)
	vars := Vars(t, db)
	maps.Copy(vars, change)
	env, log := hosttest.Env(t, vars)
	return &Vault{DB: db, Env: env, Log: log, Vars: vars, Server: hosttest.Serve(t, env, fns...)}
}

// Grant is the body that register, login and refresh answer with.
type Grant struct {
	User struct {
		ID          string `json:"id"`
		Email       string `json:"email"`
		DisplayName string `json:"display_name"`
		Role        string `json:"role"`
		Quota       struct {
			LimitBytes    int64 `json:"limit_bytes"`
			UsedBytes     int64 `json:"used_bytes"`
			ReservedBytes int64 `json:"reserved_bytes"`
		} `json:"quota"`
	} `json:"user"`
	AccessToken string  `json:"access_token"`
	TokenType   string  `json:"token_type"`
	ExpiresIn   float64 `json:"expires_in"`
}

// Client is one browser: its cookies and its access token.
type Client struct {
	Vault   *Vault
	Grant   Grant
	Token   string            // sent as Bearer; "" sends none
	Cookies map[string]string // by name
	Headers []string          // pairs, sent with each request
}

// Client makes a browser that is not signed in.
func (v *Vault) Client() *Client {
	return &Client{Vault: v, Cookies: map[string]string{}, Headers: []string{"User-Agent", Firefox}}
}

// Copy is the same browser at this moment, to be used apart.
func (c *Client) Copy() *Client {
	copied := *c
	copied.Cookies = maps.Clone(c.Cookies)
	return &copied
}

// Call sends a request with the client's token and cookies, and keeps the
// cookies of the answer.
func (c *Client) Call(t testing.TB, method, path string, body any, headers ...string) hosttest.Answer {
	t.Helper()
	all := append([]string{}, c.Headers...)
	if c.Token != "" {
		all = append(all, "Authorization", "Bearer "+c.Token)
	}
	var pairs []string
	for name, value := range c.Cookies {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		all = append(all, "Cookie", strings.Join(pairs, "; "))
	}
	answer := hosttest.Call(t, c.Vault.Server.Client(), method, c.Vault.Server.URL+path, body, append(all, headers...)...)
	for _, cookie := range answer.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.Cookies, cookie.Name)
		} else {
			c.Cookies[cookie.Name] = cookie.Value
		}
	}
	return answer
}

// Register registers over POST /v1/auth/register.
func (c *Client) Register(t testing.TB, email string) hosttest.Answer {
	t.Helper()
	return c.signIn(t, http.StatusCreated, "/v1/auth/register", map[string]string{"email": email, "password": Password})
}

// Login signs in over POST /v1/auth/login.
func (c *Client) Login(t testing.TB, email, password string) hosttest.Answer {
	t.Helper()
	return c.LoginWith(t, email, password, "")
}

// LoginWith signs in with the code of a second factor.
func (c *Client) LoginWith(t testing.TB, email, password, code string) hosttest.Answer {
	t.Helper()
	return c.signIn(t, http.StatusOK, "/v1/auth/login", map[string]string{"email": email, "password": password, "totp_code": code})
}

// Refresh exchanges the refresh cookie over POST /v1/auth/refresh.
func (c *Client) Refresh(t testing.TB) hosttest.Answer {
	t.Helper()
	return c.signIn(t, http.StatusOK, "/v1/auth/refresh", nil)
}

func (c *Client) signIn(t testing.TB, status int, path string, body any) hosttest.Answer {
	t.Helper()
	answer := c.Copy().bare().with(c).Call(t, http.MethodPost, path, body)
	if answer.StatusCode == status {
		c.Grant = Grant{}
		answer.JSON(t, status, &c.Grant)
		c.Token = c.Grant.AccessToken
	}
	return answer
}

// bare is the client without its access token: signing in needs none.
func (c *Client) bare() *Client {
	c.Token = ""
	return c
}

// with shares the cookies of another client.
func (c *Client) with(other *Client) *Client {
	c.Cookies = other.Cookies
	return c
}

// RefreshToken is the client's refresh token.
func (c *Client) RefreshToken() string {
	return c.Cookies["docuvault_refresh"] + c.Cookies["__Host-docuvault_refresh"]
}

// SignUp makes an account and signs in without HTTP, for functions that are
// served without auth's own.
func (v *Vault) SignUp(t testing.TB, email string) *Client {
	t.Helper()
	sessions, err := auth.OpenSessions(v.Env)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	signed, err := sessions.Register(t.Context(), auth.Registration{Email: email, Password: secret.New(Password)}, auth.OriginOf(t.Context(), Firefox))
	if err != nil {
		t.Fatalf("authtest: register: %v", err)
	}
	c := v.Client()
	body, err := json.Marshal(signed.Answer(t.Context()).Body)
	if err != nil {
		t.Fatalf("authtest: %v", err)
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&c.Grant); err != nil {
		t.Fatalf("authtest: %v", err)
	}
	c.Token = c.Grant.AccessToken
	c.Cookies[auth.RefreshCookieName(false)] = signed.Refresh.Reveal()
	c.Cookies[auth.DeviceCookieName(false)] = signed.Device.Reveal()
	return c
}
