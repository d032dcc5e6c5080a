package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/seal"
)

// Columns are the sealed columns of each table, and the column with the id that
// a value is bound to. A test holds them equal to the schema.
var Columns = map[string]struct {
	Record string
	Sealed []string
}{
	"credentials": {"user_id", []string{"sealed"}},
	"api_tokens":  {"id", []string{"name_sealed"}},
	"documents":   {"id", []string{"filename_sealed", "title_sealed", "correspondent_sealed", "notes_sealed", "reference_sealed", "suggestions_sealed"}},
	"texts":       {"document_id", []string{"sealed"}},
	"folders":     {"id", []string{"name_sealed"}},
	"topics":      {"id", []string{"name_sealed", "description_sealed"}},
	"tags":        {"id", []string{"name_sealed"}},
}

// sealed is invariant 5.
func (r *run) sealed(ctx context.Context, i *Invariant) error {
	if r.Ring == nil {
		i.skip("MASTER_KEYS is not set")
		return nil
	}
	o := &opener{run: r, i: i}
	if err := o.columns(ctx); err != nil {
		return err
	}
	if err := r.step("data keys", func([]string) error { return o.dataKeys(ctx) }); err != nil {
		return err
	}
	for _, table := range o.tables {
		if err := r.step("sealed in "+table, func(after []string) error { return o.table(ctx, table, after) }); err != nil {
			return err
		}
	}
	n := r.at.Counts
	i.Checked = fmt.Sprintf("%s of %s opened, %d refused elsewhere", plural(n[openedCount], "value"), plural(n[keyCount], "data key"), n[refusedCount])
	return nil
}

// opener opens every sealed value with its owner's keys.
type opener struct {
	*run
	i      *Invariant
	tables []string

	user     id.ID
	own      *keys.User // of user; nil when they do not open
	keyless  bool       // the user has no data key at all
	stranger *keys.User // another user's
}

// sealedPage is how many rows are read between two marks. Each page sorts the
// table again where no index has its order, so it is larger than the others.
const sealedPage = 5000

// What is counted on the way, by its name in the state file.
const (
	keyCount     = "data keys"
	openedCount  = "values opened"
	refusedCount = "values refused"
)

// columns compares what it knows with the catalogue: a sealed column that it
// does not know would never be checked.
func (o *opener) columns(ctx context.Context) error {
	known := map[string]bool{}
	for table, c := range Columns {
		o.tables = append(o.tables, table)
		for _, column := range c.Sealed {
			known[table+"."+column] = true
		}
	}
	return o.each(ctx, `
	  SELECT table_name || '.' || column_name FROM information_schema.columns
	   WHERE table_schema = 'public' AND data_type = 'bytea' AND column_name ~ '(^|_)sealed$' ORDER BY 1`, nil,
		func(scan func(...any) error) error {
			var column string
			if err := scan(&column); err != nil {
				return err
			}
			if !known[column] {
				o.i.note("%s: not checked, this program does not know the column", column)
			}
			return nil
		})
}

const wrappedColumns = `SELECT user_id, master_id, number, wrapped FROM user_keys`

// dataKeys unwraps the data key of every user.
func (o *opener) dataKeys(ctx context.Context) error {
	return o.each(ctx, wrappedColumns+` ORDER BY user_id, number`, nil, func(scan func(...any) error) error {
		user, w, err := scanWrapped(scan)
		if err != nil {
			return err
		}
		o.at.Counts[keyCount]++
		if _, err := o.Ring.Unwrap(user, w); err != nil {
			o.i.found(Problem{Code: keyProblem(err), User: user, Table: "user_keys", Detail: fmt.Sprintf("number %d", w.Number)})
		}
		return nil
	})
}

func scanWrapped(scan func(...any) error) (id.ID, keys.Wrapped, error) {
	var user id.ID
	var number int64
	var w keys.Wrapped
	err := scan(&user, &w.MasterID, &number, &w.Bytes)
	w.Number = uint32(number)
	return user, w, err
}

func keyProblem(err error) string {
	if errors.Is(err, keys.ErrMasterMissing) {
		return "master_key_missing"
	}
	return "data_key_does_not_open"
}

// table opens all values of a table, user by user.
func (o *opener) table(ctx context.Context, table string, after []string) error {
	c := Columns[table]
	o.user, o.own, o.stranger = id.Nil, nil, nil
	sampled := map[string]bool{}
	if len(after) != 2 {
		after = []string{id.Nil.String(), id.Nil.String()}
	}
	sql := `SELECT user_id, ` + c.Record + `, ` + strings.Join(c.Sealed, ", ") + ` FROM ` + table + `
	  WHERE (user_id, ` + c.Record + `) > (@user::uuid, @record::uuid) AND ` + kept + ` ORDER BY user_id, ` + c.Record + ` LIMIT @page`
	for {
		n := 0
		args := pgx.NamedArgs{"user": after[0], "record": after[1], "page": sealedPage}
		err := o.each(ctx, sql, args, func(scan func(...any) error) error {
			user, record, err := o.row(ctx, table, sampled, scan)
			n, after = n+1, []string{user.String(), record.String()}
			return err
		})
		if err != nil || n == 0 {
			return err
		}
		if err := o.mark(after...); err != nil {
			return err
		}
	}
}

// row opens the values of one row.
func (o *opener) row(ctx context.Context, table string, sampled map[string]bool, scan func(...any) error) (user, record id.ID, err error) {
	c := Columns[table]
	values := make([][]byte, len(c.Sealed))
	dest := []any{&user, &record}
	for n := range values {
		dest = append(dest, &values[n])
	}
	if err := scan(dest...); err != nil {
		return user, record, err
	}
	if user != o.user {
		clear(sampled)
		if err := o.turnTo(ctx, user); err != nil {
			return user, record, err
		}
	}
	for n, value := range values {
		if value == nil {
			continue
		}
		p := Problem{User: user, Record: record, Table: table, Detail: c.Sealed[n]}
		if o.own == nil {
			// One that does not open was told of with user_keys.
			if o.keyless {
				p.Code = "no_data_key"
				o.i.found(p)
			}
			continue
		}
		if _, err := o.own.Open(table, c.Sealed[n], record, value); err != nil {
			p.Code = "does_not_open"
			o.i.found(p)
			continue
		}
		o.at.Counts[openedCount]++
		if !sampled[c.Sealed[n]] {
			sampled[c.Sealed[n]] = true
			o.elsewhere(p, value)
		}
	}
	return user, record, nil
}

// turnTo loads the keys of the next user; those of the last one become the
// stranger's.
func (o *opener) turnTo(ctx context.Context, user id.ID) error {
	if o.own != nil {
		o.stranger = o.own
	}
	o.user, o.own, o.keyless = user, nil, true
	if o.stranger == nil {
		other := id.New()
		w, err := o.Ring.NewWrapped(other)
		if err != nil {
			return err
		}
		if o.stranger, err = o.Ring.Unwrap(other, w); err != nil {
			return err
		}
	}
	return o.each(ctx, wrappedColumns+` WHERE user_id = @user ORDER BY number DESC LIMIT 1`, pgx.NamedArgs{"user": user},
		func(scan func(...any) error) error {
			_, w, err := scanWrapped(scan)
			if err != nil {
				return err
			}
			o.keyless = false
			o.own, _ = o.Ring.Unwrap(user, w) // dataKeys has told
			return nil
		})
}

// elsewhere proves that a value opens for nobody else and in no other place.
func (o *opener) elsewhere(p Problem, value []byte) {
	for _, try := range []struct {
		code, table, column string
		user                *keys.User
		record              id.ID
	}{
		{"opens_for_another_user", p.Table, p.Detail, o.stranger, p.Record},
		{"opens_in_another_record", p.Table, p.Detail, o.own, id.New()},
		{"opens_in_another_column", p.Table, "another_" + p.Detail, o.own, p.Record},
		{"opens_in_another_table", "another_" + p.Table, p.Detail, o.own, p.Record},
	} {
		if _, err := try.user.Open(try.table, try.column, try.record, value); errors.Is(err, seal.ErrSealed) {
			o.at.Counts[refusedCount]++
			continue
		}
		p.Code = try.code
		o.i.found(p)
	}
}
