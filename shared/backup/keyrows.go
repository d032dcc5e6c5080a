package backup

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// keyRow is one row of the folder of keys.
type keyRow struct {
	user    id.ID
	wrapped keys.Wrapped
}

var errKeyRow = errors.New("the backup is damaged: the file of the keys has a row that is none")

// eachKey reads the rows of the wrapped keys, in COPY's text form. Nothing in
// them needs an escape but the backslash before a bytea's x.
func (r *restorer) eachKey(do func(keyRow) error) error {
	t := r.k.Table
	at := func(name string) int { return slices.Index(t.Columns, name) }
	user, number, master, wrapped := at("user_id"), at("number"), at("master_id"), at("wrapped")
	if min(user, number, master, wrapped) < 0 {
		return errKeyRow
	}
	return eachLine(r.Keys, t.File, func(line []byte) error {
		fields := bytes.Split(line, []byte{'\t'})
		if len(fields) != len(t.Columns) {
			return errKeyRow
		}
		var row keyRow
		var err error
		if row.user, err = id.Parse(string(fields[user])); err != nil {
			return errKeyRow
		}
		n, err := strconv.ParseUint(string(fields[number]), 10, 32)
		if err != nil {
			return errKeyRow
		}
		row.wrapped.Number, row.wrapped.MasterID = uint32(n), string(fields[master])
		if row.wrapped.Bytes, err = hex.DecodeString(string(bytes.TrimPrefix(fields[wrapped], []byte(`\\x`)))); err != nil {
			return errKeyRow
		}
		return do(row)
	})
}

// eachLine reads a file of rows.
func eachLine(root string, file File, do func(line []byte) error) error {
	f, err := unpack(root, file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if err := do(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	return nil
}

// eachUser calls do with the users of a file of rows, some at a time. The user
// is the column with this number.
func eachUser(root string, file File, column int, do func(users []string) error) error {
	var users []string
	err := eachLine(root, file, func(line []byte) error {
		fields := bytes.Split(line, []byte{'\t'})
		if column >= len(fields) {
			return errKeyRow
		}
		if users = append(users, string(fields[column])); len(users) < 1000 {
			return nil
		}
		err := do(users)
		users = users[:0]
		return err
	})
	if err == nil && len(users) > 0 {
		err = do(users)
	}
	return err
}

// without leaves out the rows of some users.
func without(rows io.Reader, column int, users map[string]bool) io.Reader {
	pr, pw := io.Pipe()
	go func() {
		lines := bufio.NewScanner(rows)
		for lines.Scan() {
			fields := bytes.Split(lines.Bytes(), []byte{'\t'})
			if column < len(fields) && users[string(fields[column])] {
				continue
			}
			if _, err := pw.Write(append(slices.Clone(lines.Bytes()), '\n')); err != nil {
				return
			}
		}
		pw.CloseWithError(lines.Err())
	}()
	return pr
}
