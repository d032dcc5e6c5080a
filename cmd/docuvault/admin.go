package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Make an administrator, with a new account if there is none. An administrator counts bytes and closes accounts, and reads nothing."`
}

type adminCreateCmd struct {
	operator
	Email string `arg:"" help:"Address of the account."`
	Quota int64  `default:"10737418240" env:"DEFAULT_QUOTA_BYTES" help:"Bytes that a new account may keep."`
}

// Run gives an account the role admin: the one place where users.role is
// written. Without the account it makes one, since with REGISTRATION=invite or
// closed nobody else could be the first; its password is DOCUVAULT_PASSWORD or
// asked for.
func (c *adminCreateCmd) Run(ctx context.Context, s streams) error {
	email, err := account.NormalEmail(c.Email)
	if err != nil {
		return usage("%q is not an email address", c.Email)
	}
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn.Reveal())
	if err != nil {
		return errors.New("cannot connect as docuvault_migrate: is the database running, and DATABASE_MIGRATE_URL right?")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	said, err := promote(ctx, conn, email)
	if errors.Is(err, pgx.ErrNoRows) {
		var password secret.Text
		if password, err = newPassword(ctx, terminalOf(s), email); err != nil {
			return err
		}
		said, err = "a new account, and ", createAdmin(ctx, conn, email, password, c.Quota)
	}
	if err != nil {
		return fmt.Errorf("make %s an administrator: %w", email, err)
	}
	_, _ = fmt.Fprintf(s.err, "%s is %san administrator.\n", email, said)
	return nil
}

// auditByOperator writes what an operator does to an account into its log.
const auditByOperator = `SELECT audit_write('admin', $2, $1, '{"by": "operator"}', NULL, NULL, NULL)`

// promote gives the role to an account, and says "already " if it has it.
// Without the account it returns pgx.ErrNoRows. Row-level security binds the
// owner as well: it has to name the user whose row it writes.
func promote(ctx context.Context, conn *pgx.Conn, email string) (said string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var user id.ID
		if err := tx.QueryRow(ctx, `SELECT id FROM users WHERE email = $1`, email).Scan(&user); err != nil {
			return err
		}
		if err := actAs(ctx, tx, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE users SET role = 'admin' WHERE id = $1 AND role <> 'admin'`, user)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			said = "already "
			return nil
		}
		said = "now "
		_, err = tx.Exec(ctx, auditByOperator, user, "account.made_admin")
		return err
	})
	return said, err
}

// createAdmin makes an account with the role.
func createAdmin(ctx context.Context, conn *pgx.Conn, email string, password secret.Text, quota int64) error {
	hash, err := auth.NewHasher(1).Hash(ctx, password)
	if err != nil {
		return err
	}
	user := id.New()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := actAs(ctx, tx, user); err != nil {
			return err
		}
		for _, s := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO users (id, email, role, email_verified_at) VALUES ($1, $2, 'admin', clock_timestamp())`, []any{user, email}},
			{`INSERT INTO quotas (user_id, limit_bytes) VALUES ($1, $2)`, []any{user, quota}},
			{`INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, []any{user, hash}},
			{auditByOperator, []any{user, "account.registered"}},
			{auditByOperator, []any{user, "account.made_admin"}},
		} {
			if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

func actAs(ctx context.Context, tx pgx.Tx, user id.ID) error {
	_, err := tx.Exec(ctx, `SELECT set_config('app.user_id', $1, true)`, user.String())
	return err
}

// newPassword is DOCUVAULT_PASSWORD, or asked for twice.
func newPassword(ctx context.Context, t terminal, email string) (secret.Text, error) {
	password := secret.New(environment("DOCUVAULT_PASSWORD"))
	if password.IsZero() {
		if !t.input || !t.messages {
			return password, usage("there is no account %s: to make one, name its password in DOCUVAULT_PASSWORD; there is no terminal to ask on", email)
		}
		var err error
		if password, err = t.ask(ctx, fmt.Sprintf("There is no account %s yet. Password for it: ", email), true); err != nil {
			return secret.Text{}, err
		}
		again, err := t.ask(ctx, "The same once more: ", true)
		if err != nil {
			return secret.Text{}, err
		}
		if again.Reveal() != password.Reveal() {
			return secret.Text{}, errors.New("the two are not the same; nothing was made")
		}
	}
	if err := auth.CheckPassword(password); err != nil {
		return secret.Text{}, usage("%s", fault.From(err).Detail())
	}
	return password, nil
}
