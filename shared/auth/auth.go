// Package auth says who is asking: access tokens, refresh tokens, passwords and
// the sessions behind them.
//
// It promises that nothing secret about a session is stored: a refresh token is
// recomputed and compared, never looked up; that an access token is believed
// only with the pinned algorithm, type, issuer, audience and key id, and never
// longer than 10 minutes; that passwords are kept as argon2id and cost the same
// to refuse, whether the account exists or not; and that no error or log line
// holds a token or a password.
package auth

import (
	"fmt"
	"strings"
	"time"

	"docuvault/shared/id"
)

// Identity is what an access token says: who, in which session, and at which
// generation of it. Whether the session still lives is asked of the database,
// in the batch of the statement that needs it.
type Identity struct {
	User    id.ID
	Session id.ID
	// Generation counts the rotations of the session's refresh token, from 1.
	Generation int64
	// AuthTime is when the user last proved who they are, to the second, UTC.
	AuthTime time.Time

	// Token is the API token that acts in place of a session; else Nil.
	Token id.ID
	blind bool
}

func (i Identity) check() error {
	switch {
	case i.User.IsNil():
		return fmt.Errorf("auth: an identity without a user")
	case i.Session.IsNil():
		return fmt.Errorf("auth: an identity without a session")
	case i.Generation < 1:
		return fmt.Errorf("auth: an identity of generation %d", i.Generation)
	case i.AuthTime.Unix() <= 0:
		return fmt.Errorf("auth: an identity without a time of authentication")
	default:
		return nil
	}
}

// issuerOf returns the issuer of access tokens: PUBLIC_URL without a final
// slash, so that a token of one vault means nothing to another that shares a
// key by mistake; "docuvault" where no PUBLIC_URL is set.
func issuerOf(publicURL string) string {
	if trimmed := strings.TrimRight(publicURL, "/"); trimmed != "" {
		return trimmed
	}
	return "docuvault"
}
