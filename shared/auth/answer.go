package auth

import (
	"context"
	"net/http"
	"time"

	"docuvault/shared/account"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Grant is the body of the answer to register, login and refresh.
type Grant struct {
	User        account.Account `json:"user"`
	AccessToken string          `json:"access_token" doc:"A JWT, to be sent as Authorization: Bearer. Keep it in memory only."`
	TokenType   string          `json:"token_type" enum:"Bearer"`
	ExpiresIn   int             `json:"expires_in" doc:"Seconds until the access token expires."`
}

// Answer is the answer to register and login and refresh: tokens in the body,
// the refresh token (and after a login the known device) in cookies, each in a
// header line of its own.
type Answer struct {
	SetCookie []http.Cookie `header:"Set-Cookie" doc:"The refresh token, HttpOnly and SameSite=Strict; after a login also that this device is known."`
	Body      Grant
}

// Answer turns a session into what the client gets.
func (s Signed) Answer(ctx context.Context) *Answer {
	out := &Answer{
		SetCookie: []http.Cookie{*RefreshCookie(s.Refresh, overHTTPS(ctx), s.RefreshTTL)},
		Body: Grant{
			User: s.Account, AccessToken: s.Access.Reveal(), TokenType: "Bearer", ExpiresIn: int(AccessTokenTTL / time.Second),
		},
	}
	if !s.Device.IsZero() {
		out.SetCookie = append(out.SetCookie, *DeviceCookie(s.Device, overHTTPS(ctx)))
	}
	return out
}

// Cleared is the cookie that makes the client forget its refresh token.
func Cleared(ctx context.Context) []http.Cookie {
	return []http.Cookie{*ClearRefreshCookie(overHTTPS(ctx))}
}

// RefreshInput reads the refresh cookie. Which name counts depends on the
// scheme: over https a cookie without the prefix does not, since another host
// of the same site could have set it.
type RefreshInput struct {
	RefreshHTTPS secret.Text `cookie:"__Host-docuvault_refresh" doc:"The refresh token, over https."`
	RefreshHTTP  secret.Text `cookie:"docuvault_refresh" doc:"The refresh token, over plain http."`
}

// Token returns the refresh token of the request; empty if there is none.
func (in RefreshInput) Token(ctx context.Context) secret.Text {
	if overHTTPS(ctx) {
		return in.RefreshHTTPS
	}
	return in.RefreshHTTP
}

// DeviceInput reads the cookie of a known device, as [RefreshInput] does.
type DeviceInput struct {
	DeviceHTTPS secret.Text `cookie:"__Host-docuvault_device" doc:"This device is known, over https."`
	DeviceHTTP  secret.Text `cookie:"docuvault_device" doc:"This device is known, over plain http."`
}

// Device returns the device cookie of the request; empty if there is none.
func (in DeviceInput) Device(ctx context.Context) secret.Text {
	if overHTTPS(ctx) {
		return in.DeviceHTTPS
	}
	return in.DeviceHTTP
}

// AgentInput reads what the list of sessions says about a device.
type AgentInput struct {
	UserAgent string `header:"User-Agent" hidden:"true"`
}

func overHTTPS(ctx context.Context) bool { return hosthttp.PublicURL(ctx).Scheme == "https" }
