package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"docuvault/shared/secret"
)

// renewBefore is how long before its end an access token is renewed.
const renewBefore = time.Minute

// session keeps the access token. The refresh token is a cookie in the jar.
type session struct {
	client      *Client
	credentials Credentials

	turn   chan struct{} // held by the one goroutine that renews
	access secret.Text
	until  time.Time // when access is to be renewed
	opened bool      // a session exists as far as we know
}

// grant is the answer to login and refresh.
type grant struct {
	AccessToken secret.Text `json:"access_token"`
	ExpiresIn   float64     `json:"expires_in"`
}

// lock waits for the turn, or for the end of the context.
func (s *session) lock(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *session) unlock() { <-s.turn }

// token returns an access token that is good for a while, and renews it when it
// is not: with the refresh cookie, else with the password.
func (s *session) token(ctx context.Context) (secret.Text, error) {
	if !s.credentials.Token.IsZero() {
		return s.credentials.Token, nil
	}
	if err := s.lock(ctx); err != nil {
		return secret.Text{}, err
	}
	defer s.unlock()
	if !s.access.IsZero() && s.client.options.Now().Before(s.until) {
		return s.access, nil
	}
	if s.opened {
		err := s.ask(ctx, "/v1/auth/refresh", nil)
		if err == nil {
			return s.access, nil
		}
		if p, ok := errors.AsType[*Problem](err); !ok || p.Status != http.StatusUnauthorized {
			return secret.Text{}, fmt.Errorf("renew the session: %w", err)
		}
		s.opened = false
	}
	if err := s.login(ctx); err != nil {
		return secret.Text{}, err
	}
	return s.access, nil
}

// drop forgets an access token that the server refused; false when there is no
// other way to get one.
func (s *session) drop(refused secret.Text) bool {
	if !s.credentials.Token.IsZero() {
		return false
	}
	s.turn <- struct{}{}
	defer s.unlock()
	if s.access.Reveal() == refused.Reveal() {
		s.access = secret.Text{}
	}
	return true
}

func (s *session) login(ctx context.Context) error {
	type login struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		TOTPCode string `json:"totp_code,omitempty"`
	}
	in := login{Email: s.credentials.Email, Password: s.credentials.Password.Reveal()}
	err := s.ask(ctx, "/v1/auth/login", in)
	if CodeOf(err) == "totp_required" && s.credentials.TOTP != nil {
		code, askErr := s.credentials.TOTP(ctx)
		if askErr != nil {
			return askErr
		}
		in.TOTPCode = code.Reveal()
		err = s.ask(ctx, "/v1/auth/login", in)
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	return nil
}

// ask opens or renews the session.
func (s *session) ask(ctx context.Context, path string, in any) error {
	var g grant
	if err := s.client.do(ctx, http.MethodPost, path, "", in, &g); err != nil {
		return err
	}
	if g.AccessToken.IsZero() {
		return fmt.Errorf("the answer of %s holds no access token: is this address a vault?", s.client.base.Host)
	}
	life := time.Duration(g.ExpiresIn * float64(time.Second))
	s.access, s.opened = g.AccessToken, true
	s.until = s.client.options.Now().Add(life - min(renewBefore, life/2))
	return nil
}

// end revokes the session.
func (s *session) end(ctx context.Context) error {
	if !s.credentials.Token.IsZero() {
		return nil
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if !s.opened {
		return nil
	}
	err := s.client.once(ctx, http.MethodPost, "/v1/auth/logout", s.access.Reveal(), nil, nil)
	s.access, s.opened = secret.Text{}, false
	return err
}
