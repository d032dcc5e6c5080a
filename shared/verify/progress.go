package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// progressForm is the form of the state file; another one is refused.
const progressForm = 1

// ErrOtherState is in the error for a state file that another vault, other
// options or another version of the program wrote.
var ErrOtherState = errors.New("the state file is of another vault, of other options or of another version: remove it to begin anew")

// progress is how far a run has come. It holds what the report holds, so no
// name and no content.
type progress struct {
	Form int    `json:"form"`
	Of   string `json:"of"`
	// Begun is when the run began that this one continues.
	Begun      time.Time        `json:"begun"`
	Invariants []*Invariant     `json:"invariants"`
	Done       []string         `json:"done"`   // steps that are through
	Step       string           `json:"step"`   // the one that is not
	Cursor     []string         `json:"cursor"` // the last row or key that it looked at
	Counts     map[string]int64 `json:"counts"`
}

// resume reads the state file, or begins one.
func (r *run) resume(ctx context.Context) error {
	r.at = &progress{Form: progressForm, Begun: r.Now().UTC(), Counts: map[string]int64{}}
	for n, name := range names {
		r.at.Invariants = append(r.at.Invariants, &Invariant{Number: n + 1, Name: name, Status: OK, Problems: []Problem{}})
	}
	if r.State == "" {
		return nil
	}
	of, err := r.identity(ctx)
	if err != nil {
		return err
	}
	r.at.Of = of
	text, err := os.ReadFile(r.State)
	if errors.Is(err, fs.ErrNotExist) {
		return r.save() // that it cannot be written is known before the work
	}
	if err != nil {
		return fmt.Errorf("read the state file: %w", err)
	}
	var had progress
	if json.Unmarshal(text, &had) != nil || had.Form != progressForm || had.Of != of ||
		len(had.Invariants) != len(names) || slices.Contains(had.Invariants, nil) || had.Counts == nil {
		return ErrOtherState
	}
	r.at, r.continued = &had, true
	return nil
}

// identity tells this vault and these options from others.
func (r *run) identity(ctx context.Context) (string, error) {
	var database string
	if err := r.one(ctx, `SELECT current_database() || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())
	   || ' ' || (SELECT coalesce(max(version), '') FROM schema_migrations)`, nil, &database); err != nil {
		return "", err
	}
	c := r.db.Config().ConnConfig
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %t %t %t %t %v %v", c.Host, c.Port, database, r.Strict, r.App.IsZero(), r.Store == nil, r.Ring == nil, r.Only, r.Head))
	return hex.EncodeToString(sum[:]), nil
}

// invariant does a whole invariant, unless an earlier run has.
func (r *run) invariant(i *Invariant, do func() error) error {
	name := fmt.Sprint(i.Number)
	if slices.Contains(r.at.Done, name) {
		return nil
	}
	if err := do(); err != nil {
		return err
	}
	r.at.Done, r.at.Step, r.at.Cursor = append(r.at.Done, name), "", nil
	return r.save()
}

// step does one piece of an invariant, unless an earlier run has. do gets the
// cursor of the run that was interrupted in it, or nil. Where it ends with an
// error, the rest of the invariant is not checked.
func (r *run) step(name string, do func(after []string) error) error {
	if slices.Contains(r.at.Done, name) {
		return nil
	}
	if r.at.Step != name {
		r.at.Step, r.at.Cursor = name, nil
	}
	if err := do(r.at.Cursor); err != nil {
		return err
	}
	r.at.Done, r.at.Step, r.at.Cursor = append(r.at.Done, name), "", nil
	return r.save()
}

// mark writes down that the step is through with everything up to cursor.
// Nothing of the step may be under way.
func (r *run) mark(cursor ...string) error {
	r.at.Cursor = cursor
	return r.save()
}

// save writes the state file as a whole or not at all.
func (r *run) save() error {
	if r.State == "" {
		return nil
	}
	text, err := json.Marshal(r.at)
	if err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(r.State), filepath.Base(r.State)+".*") // mode 0600
	if err != nil {
		return &stateError{err}
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), r.State)
	}
	if err != nil {
		return &stateError{errors.Join(err, os.Remove(file.Name()))}
	}
	return nil
}

// stateError ends a run: what cannot be continued was not asked for.
type stateError struct{ cause error }

func (e *stateError) Error() string { return "write the state file: " + e.cause.Error() }
func (e *stateError) Unwrap() error { return e.cause }

// finish removes the state file.
func (r *run) finish() error {
	if r.State == "" {
		return nil
	}
	if err := os.Remove(r.State); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the state file: %w", err)
	}
	return nil
}
