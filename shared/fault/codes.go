package fault

import (
	"maps"
	"net/http"
	"slices"
)

// Code names a kind of failure. Codes are part of the public contract: they
// are never renamed and never reused.
type Code string

// The codes, each with what the client can do about it. A code is added here,
// in the table below, and by that in openapi.yaml.
const (
	Internal         Code = "internal"           // our fault; retry later
	Unavailable      Code = "unavailable"        // a part we need is down or draining; retry
	DeadlineExceeded Code = "deadline_exceeded"  // took too long; retry
	ValidationFailed Code = "validation_failed"  // the request is malformed; field "errors" says where
	NotFound         Code = "not_found"          // no such thing, or not yours
	MethodNotAllowed Code = "method_not_allowed" // the route exists, not with this method
	PayloadTooLarge  Code = "payload_too_large"  // the request body is over the limit
	UnsupportedMedia Code = "unsupported_media_type"
	NotAcceptable    Code = "not_acceptable"
	RateLimited      Code = "rate_limited" // wait for "retry_after" seconds
	CrossOrigin      Code = "cross_origin" // a browser sent this from another site
	Forbidden        Code = "forbidden"

	Unauthenticated    Code = "unauthenticated"     // no access token, or not a valid one
	TokenExpired       Code = "token_expired"       // refresh, then try again
	SessionRevoked     Code = "session_revoked"     // sign in again
	InvalidCredentials Code = "invalid_credentials" // wrong email or password
	TOTPRequired       Code = "totp_required"
	RefreshInvalid     Code = "refresh_invalid"  // no refresh cookie, or not a valid one
	RefreshReplayed    Code = "refresh_replayed" // an old refresh token came again; the session is revoked
	ReauthRequired     Code = "reauth_required"
	EmailTaken         Code = "email_taken"
	RegistrationClosed Code = "registration_closed"
	InviteInvalid      Code = "invite_invalid"
	LastAdmin          Code = "last_admin"       // make another administrator first
	LinkInvalid        Code = "link_invalid"     // of a mail: used, too old, or not ours; ask for another
	EmailUnverified    Code = "email_unverified" // follow the link in the mail first
	MailUnavailable    Code = "mail_unavailable" // this vault sends no mail

	QuotaExceeded      Code = "quota_exceeded" // fields limit_bytes, used_bytes, reserved_bytes, requested_bytes
	UploadTooLarge     Code = "upload_too_large"
	TooManyUploads     Code = "too_many_uploads"   // finish or abort some of the open uploads first
	DuplicateDocument  Code = "duplicate_document" // fields document_id, filename, trashed
	UploadIncomplete   Code = "upload_incomplete"  // the bytes have not arrived
	UploadRejected     Code = "upload_rejected"    // the bytes are not the announced ones
	UploadExpired      Code = "upload_expired"     // begin again
	WrongState         Code = "wrong_state"        // the document's status does not allow this
	PreconditionFailed Code = "precondition_failed"
	NoPreview          Code = "no_preview" // field "reason": pending, none, or why none can be made
	CursorInvalid      Code = "cursor_invalid"
	QueryInvalid       Code = "query_invalid" // fields reason, position and length say what is wrong where, in characters of q
	CursorExpired      Code = "cursor_expired"
	FolderTooDeep      Code = "folder_too_deep"
	FolderCycle        Code = "folder_cycle"  // a folder cannot be moved into itself
	NameTaken          Code = "name_taken"    // there is a folder, topic or tag of this name
	LimitReached       Code = "limit_reached" // an account has no more of these; delete some
	EventMalformed     Code = "event_malformed"
	IdempotencyReused  Code = "idempotency_key_reused" // the key came before with another request
	IdempotencyBusy    Code = "idempotency_key_busy"   // the first request with the key has no answer yet: ask again
	SecretNotRepeated  Code = "secret_not_repeated"    // done before, and its answer held a secret, which is shown once
)

// status is the one table from code to HTTP status.
var status = map[Code]int{
	Internal:         http.StatusInternalServerError,
	Unavailable:      http.StatusServiceUnavailable,
	DeadlineExceeded: http.StatusGatewayTimeout,
	ValidationFailed: http.StatusUnprocessableEntity,
	NotFound:         http.StatusNotFound,
	MethodNotAllowed: http.StatusMethodNotAllowed,
	PayloadTooLarge:  http.StatusRequestEntityTooLarge,
	UnsupportedMedia: http.StatusUnsupportedMediaType,
	NotAcceptable:    http.StatusNotAcceptable,
	RateLimited:      http.StatusTooManyRequests,
	CrossOrigin:      http.StatusForbidden,
	Forbidden:        http.StatusForbidden,

	Unauthenticated:    http.StatusUnauthorized,
	TokenExpired:       http.StatusUnauthorized,
	SessionRevoked:     http.StatusUnauthorized,
	InvalidCredentials: http.StatusUnauthorized,
	TOTPRequired:       http.StatusUnauthorized,
	RefreshInvalid:     http.StatusUnauthorized,
	RefreshReplayed:    http.StatusUnauthorized,
	ReauthRequired:     http.StatusUnauthorized,
	EmailTaken:         http.StatusConflict,
	RegistrationClosed: http.StatusForbidden,
	InviteInvalid:      http.StatusForbidden,
	LastAdmin:          http.StatusConflict,
	LinkInvalid:        http.StatusForbidden,
	EmailUnverified:    http.StatusForbidden,
	MailUnavailable:    http.StatusConflict,

	QuotaExceeded:      http.StatusRequestEntityTooLarge,
	UploadTooLarge:     http.StatusRequestEntityTooLarge,
	TooManyUploads:     http.StatusConflict,
	DuplicateDocument:  http.StatusConflict,
	UploadIncomplete:   http.StatusConflict,
	UploadRejected:     http.StatusConflict,
	UploadExpired:      http.StatusConflict,
	WrongState:         http.StatusConflict,
	PreconditionFailed: http.StatusPreconditionFailed,
	NoPreview:          http.StatusNotFound,
	CursorInvalid:      http.StatusUnprocessableEntity,
	QueryInvalid:       http.StatusUnprocessableEntity,
	CursorExpired:      http.StatusConflict,
	FolderTooDeep:      http.StatusUnprocessableEntity,
	FolderCycle:        http.StatusUnprocessableEntity,
	NameTaken:          http.StatusConflict,
	LimitReached:       http.StatusConflict,
	EventMalformed:     http.StatusBadRequest,
	IdempotencyReused:  http.StatusUnprocessableEntity,
	IdempotencyBusy:    http.StatusConflict,
	SecretNotRepeated:  http.StatusConflict,
}

// Status returns the HTTP status of the code; 500 for one that the table does
// not know.
func (c Code) Status() int {
	if s, ok := status[c]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// OfStatus returns the code that stands for a bare HTTP status, as a framework
// or proxy produces it.
func OfStatus(s int) Code {
	switch {
	case s == http.StatusUnauthorized:
		return Unauthenticated
	case s == http.StatusForbidden:
		return Forbidden
	case s == http.StatusNotFound:
		return NotFound
	case s == http.StatusMethodNotAllowed:
		return MethodNotAllowed
	case s == http.StatusNotAcceptable:
		return NotAcceptable
	case s == http.StatusRequestEntityTooLarge:
		return PayloadTooLarge
	case s == http.StatusUnsupportedMediaType:
		return UnsupportedMedia
	case s == http.StatusTooManyRequests:
		return RateLimited
	case s == http.StatusServiceUnavailable:
		return Unavailable
	case s == http.StatusGatewayTimeout, s == http.StatusRequestTimeout:
		return DeadlineExceeded
	case s >= 400 && s < 500:
		return ValidationFailed
	default:
		return Internal
	}
}

// Codes returns every code, sorted: the enumeration that openapi.yaml prints.
func Codes() []Code {
	return slices.Sorted(maps.Keys(status))
}
