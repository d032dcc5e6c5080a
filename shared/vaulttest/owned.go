package vaulttest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/storage"
)

// Owned is all that is a user's, as text that can be compared: the rows of
// every table of the catalogue with a user_id, every queued message that names
// the user, and what storage has under the user's keys, with the parts of
// uploads that have not ended.
func (u *User) Owned(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	of := func(table, condition string) string {
		return `SELECT '` + table + ` ' || (x.*)::text AS r FROM ` + table + ` x WHERE ` + condition
	}
	selects := []string{of("river.river_job", `position('`+u.ID.String()+`' IN x.args::text) > 0`), of("public.users", `x.id = '`+u.ID.String()+`'`)}
	for _, table := range dbtest.Query1[[]string](t, u.World.DB, `SELECT array_agg(format('%I.%I', n.nspname, c.relname))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind IN ('r', 'p', 'm') AND a.attname = 'user_id' AND NOT a.attisdropped AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'`) {
		selects = append(selects, of(table, `x.user_id = '`+u.ID.String()+`'`))
	}
	out.WriteString(dbtest.Query1[string](t, u.World.DB, `SELECT string_agg(r, E'\n' ORDER BY r) FROM (`+strings.Join(selects, "\nUNION ALL ")+`) y`))
	out.WriteString("\n")
	prefix := u.ID.String() + "/"
	for name, bucket := range map[string]storage.Backend{"documents": u.World.Store.Documents, "derived": u.World.Store.Derived} {
		lister, err := storage.As[storage.Lister](bucket)
		if err != nil {
			t.Fatal(err)
		}
		for info, err := range lister.List(t.Context(), prefix, "") {
			if err != nil {
				t.Fatalf("list %s: %v", name, err)
			}
			fmt.Fprintf(&out, "%s: %s %d %s %s\n", name, info.Key, info.Size, info.ETag, info.Modified)
		}
	}
	parts := u.World.Parts(t)
	for upload, err := range parts.ListStale(context.WithoutCancel(t.Context()), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatalf("list uploads: %v", err)
		}
		if !bytes.HasPrefix([]byte(upload.Key), []byte(prefix)) {
			continue
		}
		list, err := parts.ListParts(t.Context(), upload.Key, upload.ID)
		if err != nil {
			t.Fatalf("list parts: %v", err)
		}
		fmt.Fprintf(&out, "parts: %s %s %+v\n", upload.Key, upload.ID, list)
	}
	return out.Bytes()
}
