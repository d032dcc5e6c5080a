package database

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/fault"
)

// translateServer turns an error of the server into ours. The message of the
// server can hold values of the statement (the DETAIL of a unique violation
// does), so only its code, constraint and place go on.
func translateServer(e *pgconn.PgError) error {
	switch e.Code {
	case "DV001":
		return fault.New(fault.SessionRevoked, "This session has ended. Sign in again.")
	case "DV002":
		return fault.New(fault.Forbidden, "Only an administrator may do this.")
	case "DV003":
		return fault.New(fault.ReauthRequired, "Confirm your password first.")
	case "DV005":
		return fault.New(fault.LastAdmin, "This is the last administrator. Make another one first.")
	case "DV011":
		return fault.New(fault.InviteInvalid, "This invitation is not valid: unknown, used, expired, or for another address. Ask for a new one.")
	case "DV006":
		return fault.New(fault.Unauthenticated, "This API token has ended. Make a new one.")
	case "DV021":
		return fault.New(fault.IdempotencyBusy, "A request with this Idempotency-Key is being worked on. Wait for its answer, or ask again in a moment.")
	case "DV022":
		return fault.New(fault.IdempotencyReused, "This Idempotency-Key came before with another request. Use a new key for each change.")
	case "DV023":
		return doneOf(e.Detail)
	case "DV404":
		return fault.New(fault.NotFound, "There is no such document.")
	case "DV409":
		return fault.New(fault.WrongState, "The document was changed by somebody else meanwhile.")
	case "DV412":
		return fault.New(fault.PreconditionFailed, "This has changed since you read it. Read it again, then repeat your change.")
	case "DV422":
		return fault.New(fault.ValidationFailed, "There is no such folder. Choose one of yours.")
	case "DV423":
		return fault.New(fault.FolderTooDeep, "Folders nest at most 32 deep.")
	case "DV424":
		return fault.New(fault.NotFound, "There is no such folder.")
	case "DV425":
		return fault.New(fault.FolderCycle, "A folder cannot be moved into itself.")
	case "DV426":
		return fault.New(fault.LimitReached, "An account holds no more of these. Delete some first.")
	case "DV427":
		return fault.New(fault.NotFound, "There is no such topic.")
	case "DV428":
		return fault.New(fault.NotFound, "There is no such tag.")
	case "DV429":
		return fault.New(fault.ValidationFailed, "There is no such tag to merge into. Choose one of yours.")
	case "23503": // of two at once one deleted what the other named
		return fault.New(fault.Unavailable, "Two changes met. Try again.").Because(serverError(e))
	case "23505":
		return &Conflict{Constraint: e.ConstraintName}
	case "53300", "57P01", "57P02", "57P03", "08006", "08001":
		return fault.New(fault.Unavailable, "The database is busy or restarting. Try again in a moment.").Because(serverError(e))
	case "40P01", "40001":
		return fault.New(fault.Unavailable, "Two changes met. Try again.").Because(serverError(e))
	case "57014", "55P03":
		return fault.New(fault.DeadlineExceeded, "The database took too long. Try again.").Because(serverError(e))
	default:
		return serverError(e)
	}
}

func serverError(e *pgconn.PgError) error {
	message := e.Message
	if strings.HasPrefix(e.Code, "22") { // data exceptions quote the value
		message = "(message withheld: it quotes the value)"
	}
	return fmt.Errorf("database: SQLSTATE %s table %q column %q constraint %q routine %q: %s",
		e.Code, e.TableName, e.ColumnName, e.ConstraintName, e.Routine, message)
}

// isBroken reports whether the connection, not the statement, failed.
func isBroken(err error) bool {
	var netErr net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &netErr)
}

// hideURL keeps a connection error's text and drops its chain, so that nobody
// can unwrap the configuration out of it.
func hideURL(err error) error { return errors.New(err.Error()) }
