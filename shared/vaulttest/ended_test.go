package vaulttest_test

import (
	"net/http"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
)

// A session that was ended, and a user who was disabled, stop at the next
// request of any function, though the access token is good for minutes.
func TestEndedSessionsStopEverywhere(t *testing.T) {
	t.Parallel()
	ends := map[string]string{
		"revoked":  `UPDATE sessions SET revoked_at = now(), revoked_reason = 'revoked' WHERE user_id = $1`,
		"idle":     `UPDATE sessions SET last_used_at = now() - idle_timeout - interval '1 second' WHERE user_id = $1`,
		"expired":  `UPDATE sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1`,
		"disabled": `UPDATE users SET disabled_at = now() WHERE id = $1`,
	}
	w := vaulttest.New(t, vaulttest.InParts())
	w.User(t) // somebody who is an administrator besides
	w.DB.Exec(t, `UPDATE users SET role = 'admin'`)
	tried := 0
	for _, o := range operations(t) {
		if !o.guarded {
			continue
		}
		arrange, known := workings[o.id]
		if !known {
			t.Errorf("%s: say in workings how it is called", o.id)
			continue
		}
		for name, sql := range ends {
			tried++
			u := w.User(t)
			r := arrange(t, u)
			w.DB.Exec(t, sql, u.ID.String())
			const entries = `SELECT count(*) FROM audit_log`
			before := dbtest.Query1[int](t, w.DB, entries)
			answer := u.Call(t, o.method, r.path, r.body)
			if o.id == "auth-logout" { // it wanted to end, and has
				answer.JSON(t, http.StatusNoContent, nil)
			} else if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d %s", o.id, name, answer.StatusCode, answer.Bytes)
			} else {
				answer.Problem(t, fault.SessionRevoked)
			}
			if after := dbtest.Query1[int](t, w.DB, entries); after != before {
				t.Errorf("%s, %s: %d entries of what did not happen", o.id, name, after-before)
			}
		}
		// The request was one that works.
		u := w.User(t)
		r := arrange(t, u)
		if answer := u.Call(t, o.method, r.path, r.body); answer.StatusCode >= http.StatusBadRequest {
			t.Errorf("%s: %d %s", o.id, answer.StatusCode, answer.Bytes)
		}
	}
	if tried < 100 {
		t.Errorf("only %d tries", tried)
	}
}
