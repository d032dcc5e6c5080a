// Package audit writes entries of the audit log.
//
// An entry is written by the statement that makes the change, through the SQL
// function audit_write, so that nothing changed means no entry. What is
// personal in it (network prefix, device) lies apart with a salt and can be
// deleted; the entry itself keeps an HMAC of it, so that the log stays
// verifiable without it. Metadata never holds personal data, names or words.
package audit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"

	"docuvault/shared/database"
	"docuvault/shared/id"
)

// Call is the SQL expression that writes an entry. Use it as
//
//	WITH changed AS (UPDATE … RETURNING …) SELECT …, ` + audit.Call + ` FROM changed
//
// with the arguments that [Entry.Into] adds.
const Call = `audit_write(@audit_actor, @audit_action, @audit_target, @audit_metadata::jsonb, @audit_salt, @audit_mac, @audit_personal)`

// CallEach is [Call] for a statement that changes many rows: the target of each
// entry is the id of a row of the CTE changed.
const CallEach = `audit_write(@audit_actor, @audit_action, changed.id, @audit_metadata::jsonb, @audit_salt, @audit_mac, @audit_personal)`

// Action names what happened, as area.verb.
type Action string

// The actions.
const (
	Registered       Action = "account.registered"
	RegisterRepeated Action = "account.registration_repeated"
	EmailVerified    Action = "account.email_verified"
	VerificationSent Action = "account.verification_sent"
	LoggedIn         Action = "session.created"
	LoginRefused     Action = "session.refused" // wrong password or code, a closed account, an address that was not proven
	LoggedOut        Action = "session.logged_out"
	SessionRevoked   Action = "session.revoked"
	RefreshReplayed  Action = "session.refresh_replayed"
	Reauthenticated  Action = "session.reauthenticated"
	ReauthRefused    Action = "session.reauth_refused"
	PasswordChanged  Action = "password.changed"
	ResetRequested   Action = "password.reset_requested"
	PasswordReset    Action = "password.reset"
	TOTPEnrolled     Action = "totp.enrolled"
	TOTPEnabled      Action = "totp.enabled"
	TOTPDisabled     Action = "totp.disabled"
	RecoveryMade     Action = "totp.recovery_codes_made"
	RecoveryUsed     Action = "totp.recovery_code_used"
	TokenCreated     Action = "token.created"
	TokenRevoked     Action = "token.revoked"
	ProfileChanged   Action = "account.changed"
	AccountDeleted   Action = "account.deleted"
	AccountErased    Action = "account.erased"
	UploadBegun      Action = "upload.begun"
	UploadStored     Action = "upload.stored"
	UploadRejected   Action = "upload.rejected"
	UploadAborted    Action = "upload.aborted"
	UploadExpired    Action = "upload.expired"
	UploadRemoved    Action = "upload.removed" // the row of one that was rejected, aborted or expired
	Analyzed         Action = "document.analyzed"
	AnalysisFailed   Action = "document.analysis_failed"
	DocumentChanged  Action = "document.changed"
	DocumentTrashed  Action = "document.trashed"
	DocumentRestored Action = "document.restored"
	DocumentPurging  Action = "document.purging"
	DocumentPurged   Action = "document.purged"
	Reprocessed      Action = "document.reprocessed"
	FolderCreated    Action = "folder.created"
	FolderChanged    Action = "folder.changed"
	FolderDeleted    Action = "folder.deleted"
	TopicCreated     Action = "topic.created"
	TopicChanged     Action = "topic.changed"
	TopicDeleted     Action = "topic.deleted"
	TagRenamed       Action = "tag.renamed"
	TagMerged        Action = "tag.merged"
	TagDeleted       Action = "tag.deleted"
	Downloaded       Action = "document.downloaded"
	QuotaCorrected   Action = "quota.corrected"
	InviteMade       Action = "invite.created"
	InviteRevoked    Action = "invite.revoked"
	OrphanRemoved    Action = "storage.orphan_removed"
	VaultRestored    Action = "vault.restored"
)

// Entry is one entry of the log.
type Entry struct {
	// Action is what happened.
	Action Action
	// Target is the id it happened to; Nil for none.
	Target id.ID
	// Metadata is plain, and stays for ever: counts, codes, states.
	Metadata map[string]any
}

// Into adds the arguments of [Call] for an entry by actor. The personal part
// is the origin that ctx carries.
func (e Entry) Into(ctx context.Context, actor database.Actor, args database.Args) database.Args {
	by := "user"
	if actor.IsSystem() {
		by = "system"
	}
	more := e.Metadata
	if !actor.Token().IsNil() { // which of the user's tokens it was
		more = maps.Clone(more)
		if more == nil {
			more = map[string]any{}
		}
		more["token"] = actor.Token()
	}
	metadata := []byte("{}")
	if len(more) > 0 {
		var err error
		if metadata, err = json.Marshal(more); err != nil {
			panic("audit: metadata of " + string(e.Action) + " does not marshal: " + err.Error())
		}
	}
	args["audit_actor"] = by
	args["audit_action"] = string(e.Action)
	args["audit_target"] = database.NullID(e.Target)
	args["audit_metadata"] = string(metadata)
	args["audit_salt"], args["audit_mac"], args["audit_personal"] = []byte(nil), []byte(nil), (*string)(nil)
	if origin, ok := ctx.Value(originKey{}).(Origin); ok && origin != (Origin{}) {
		personal, salt := origin.canonical(), make([]byte, 32)
		_, _ = rand.Read(salt) // never fails
		args["audit_salt"], args["audit_mac"], args["audit_personal"] = salt, MAC(salt, personal), &personal
	}
	return args
}

// Write writes an entry that no change belongs to, such as a refusal, in a
// transaction of its own.
func Write(ctx context.Context, db *database.DB, actor database.Actor, e Entry) error {
	err := db.Do(ctx, actor, func(b *database.Batch) { b.Exec(`SELECT `+Call, e.Into(ctx, actor, database.Args{})) })
	if err != nil {
		return fmt.Errorf("%s: %w", e.Action, err)
	}
	return nil
}

// Origin is what is personal about a request.
type Origin struct {
	Network string `json:"network,omitempty"` // a prefix, not an address
	Device  string `json:"device,omitempty"`
}

type originKey struct{}

// WithOrigin returns a context whose entries carry o.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// canonical is the one byte form of the personal part: a JSON object with its
// members in this order and no white space.
func (o Origin) canonical() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic("audit: origin does not marshal: " + err.Error())
	}
	return string(b)
}

// MAC binds an entry to its personal part: HMAC-SHA256 (RFC 2104) under the
// entry's own salt of 32 random bytes.
func MAC(salt []byte, personal string) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(personal))
	return m.Sum(nil)
}
