package backup_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
)

// files are all files of a folder, by name.
func files(t testing.TB, dir string) map[string]fs.FileInfo {
	t.Helper()
	all := map[string]fs.FileInfo{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		name, err := filepath.Rel(dir, path)
		if !d.IsDir() {
			all[filepath.ToSlash(name)] = info
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func manifest(t testing.TB, dir string) backup.Manifest {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	var m backup.Manifest
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestASecondBackupCopiesWhatIsNewAndForgetsWhatIsPurged(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := register(t, w, "anna@example.org")
	anna.keep(t, "planted-name-of-a-file.txt")
	purged := anna.Store(t, "gone.txt", "text/plain", vaulttest.Unique(t, 100))
	key := "objects/documents/" + w.Key(t, purged.ID)
	dir := filepath.Join(t.TempDir(), "made", "here")
	if r := write(t, w, dir); r.Copied != 2 || r.Removed != 0 {
		t.Errorf("first: %+v", r)
	}
	before := files(t, dir)
	if before[key] == nil {
		t.Fatalf("there is no %s in %v", key, before)
	}
	// Nothing readable in it but the papers themselves.
	m := manifest(t, dir)
	for _, table := range m.Tables {
		f, err := os.Open(filepath.Join(dir, table.Path))
		if err != nil {
			t.Fatal(err)
		}
		gz, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := io.ReadAll(gz)
		_ = f.Close()
		if err != nil || int64(bytes.Count(rows, []byte("\n"))) != table.Rows {
			t.Errorf("%s: %d lines for %d rows, %v", table.Name, bytes.Count(rows, []byte("\n")), table.Rows, err)
		}
		for _, leak := range hosttest.LeaksOfDump(rows) {
			t.Errorf("%s holds %s", table.Name, leak)
		}
	}

	anna.Call(t, http.MethodDelete, "/v1/documents/"+purged.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	if err := w.Deliver(t, "purge", anna.Job(purged.ID)); err != nil {
		t.Fatal(err)
	}
	anna.keep(t, "new.txt")
	// What a run that was killed leaves behind.
	for _, left := range []string{"data-20000101T000000.000000000Z/x", "objects/documents/.part-1", ".part-2"} {
		path := filepath.Join(dir, left)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := write(t, w, dir); r.Copied != 1 || r.Objects != 2 {
		t.Errorf("second: %+v", r)
	}
	after := files(t, dir)
	// Tables, the one of users with keys, the list; the keys; the objects; three that say what it is.
	if want := len(m.Tables) + 2 + 1 + 2 + 3; len(after) != want {
		t.Errorf("%d files instead of %d: %v", len(after), want, after)
	}
	if after[key] != nil {
		t.Error("the purged paper is still there")
	}
	back, _ := restore(t, w, dir)
	well(t, back)
	anna.finds(t, back)
}

func TestADamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := register(t, w, "anna@example.org")
	anna.keep(t, "letter.txt")
	sealed(t, w)
	dir := t.TempDir()
	write(t, w, dir)
	back := fresh(t, w)
	o := options(t, back, dir)
	refused := func(t *testing.T, name string) {
		t.Helper()
		for _, do := range []func() (backup.Report, error){
			func() (backup.Report, error) { return backup.Check(t.Context(), backup.Options{Dir: dir}) },
			func() (backup.Report, error) { return backup.Restore(t.Context(), o) },
		} {
			if _, err := do(); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(name)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM users`); n != 0 {
			t.Fatal("the database is not empty any more")
		}
	}
	for name, info := range files(t, dir) {
		if name == "docuvault-backup.txt" {
			continue
		}
		path := filepath.Join(dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damages := map[string][]byte{"cut": content[:len(content)-1]}
		if !strings.HasSuffix(name, ".json") { // a flipped bit of these may be another time of day
			flipped := bytes.Clone(content)
			flipped[len(flipped)/2] ^= 1
			damages["flipped"], damages["longer"] = flipped, append(bytes.Clone(content), 0)
		} else {
			damages["cut"] = content[:len(content)/2]
		}
		for _, damage := range damages {
			if err := os.WriteFile(path, damage, info.Mode()); err != nil {
				t.Fatal(err)
			}
			refused(t, name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		refused(t, map[bool]string{true: "--keys", false: filepath.Base(name)}[name == "keys/keys.json"])
		if err := os.WriteFile(path, content, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := backup.Check(t.Context(), backup.Options{Dir: dir}); err != nil || r.Objects != 2 {
		t.Errorf("mended: %+v %v", r, err)
	}
	if _, err := backup.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	well(t, back)
	anna.finds(t, back)
	// And not a second time.
	if _, err := backup.Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a vault that lives: %v", err)
	}
}

// edited writes a manifest with some fields changed.
func edited(t testing.TB, path string, fields map[string]any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(content, &m); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		m[name] = value
	}
	if content, err = json.Marshal(m); err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	register(t, w, "anna@example.org").keep(t, "letter.txt")
	other, err := keys.Generate("t1")
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.ParseSet("MASTER_KEYS", secret.New(other.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	back := fresh(t, w)
	for name, c := range map[string]struct {
		change func(t *testing.T, o *backup.Options)
		want   string
	}{
		"other master keys": {func(_ *testing.T, o *backup.Options) { o.Ring = keys.NewRing(set, time.Now) }, `"t1"`},
		"a newer schema": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/manifest.json", map[string]any{"schema": "20990101000000"})
		}, "newer than this program"},
		// The migration 20261124149000 fills trashed_at.
		"an older schema, of whose rows some were filled since": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/manifest.json", map[string]any{"schema": "20261124148000", "program": "docuvault v1.2.3"})
		}, "20261124149000 in between would have filled its rows. Restore into a database without a schema, with DATABASE_MIGRATE_URL: restore makes it. Or restore with an older program (docuvault v1.2.3)"},
		"a newer form": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/manifest.json", map[string]any{"format": 2})
		}, "newer program"},
		"keys of another vault": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/keys/keys.json", map[string]any{"vault": "x"})
		}, "another vault"},
		"older keys": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/keys/keys.json", map[string]any{"at": "2001-01-01T00:00:00Z"})
		}, "as new, or newer"},
		"no keys": {func(_ *testing.T, o *backup.Options) { o.Keys = o.Dir + "/nowhere" }, "--keys"},
		"no backup": {func(t *testing.T, o *backup.Options) {
			o.Dir = t.TempDir()
		}, "no finished backup"},
		"a path that leaves the folder": {func(t *testing.T, o *backup.Options) {
			edited(t, o.Dir+"/manifest.json", map[string]any{"index": backup.File{Path: "../x"}})
		}, "no name of a file"},
		"no database": {func(_ *testing.T, o *backup.Options) {
			o.Owner = secret.New("postgres://docuvault_migrate:secret-of-nobody@127.0.0.1:1/x")
		}, "cannot connect"},
		"the app's role": {func(_ *testing.T, o *backup.Options) { o.Owner = secret.New(back.DB.AppURL) }, "not docuvault_migrate's"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, back, t.TempDir())
			write(t, w, o.Dir)
			c.change(t, &o)
			_, err := backup.Restore(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret-of-nobody") {
				t.Errorf("%v", err)
			}
			if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM users`); n != 0 {
				t.Error("the database is not empty any more")
			}
		})
	}
	// A folder that is something else, and that of another vault.
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/holiday.jpg", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), options(t, w, dir)); err == nil || !strings.Contains(err.Error(), "neither empty nor a backup") {
		t.Errorf("into a folder of pictures: %v", err)
	}
	dir = t.TempDir()
	write(t, w, dir)
	if _, err := backup.Write(t.Context(), options(t, back, dir)); err == nil || !strings.Contains(err.Error(), "another vault") {
		t.Errorf("over the backup of another vault: %v", err)
	}
	// One at a time.
	lock := w.DB.AsMigrate(t)
	if _, err := lock.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, backup.LockKey()); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), options(t, w, dir)); err == nil || !strings.Contains(err.Error(), "another backup") {
		t.Errorf("two at once: %v", err)
	}
}

func TestNewerKeysDeleteWhoWasDeleted(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := register(t, w, "anna@example.org"), register(t, w, "ben@example.org")
	anna.keep(t, "kept.txt")
	bens := ben.keep(t, "shredded.txt")
	old, now, apart := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, w, old)
	if err := os.RemoveAll(filepath.Join(old, "keys")); err != nil { // the keys were kept for a shorter time
		t.Fatal(err)
	}
	ben.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
	register(t, w, "carla@example.org").keep(t, "later.txt")
	o := options(t, w, now)
	o.Keys = apart
	if _, err := backup.Write(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(now, "keys")); err == nil {
		t.Error("keys that are kept apart are in the backup as well")
	}

	back := fresh(t, w)
	o = options(t, back, old)
	o.Keys = apart
	report, err := backup.Restore(t.Context(), o)
	if err != nil || report.Erased != 1 {
		t.Fatalf("%+v %v", report, err)
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM user_keys`); n != 1 {
		t.Errorf("%d keys", n)
	}
	if err := back.Deliver(t, "erase", []byte(`{"user_id":"`+ben.ID.String()+`"}`)); err != nil {
		t.Fatal(err)
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM documents WHERE id = $1`, bens.ID.String()); n != 0 {
		t.Error("the paper of the deleted account is there")
	}
	well(t, back)
	anna.finds(t, back)
}

func TestAnEmptyVault(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	dir := t.TempDir()
	if r := write(t, w, dir); r.Objects != 0 || r.Rows != 0 {
		t.Errorf("%+v", r)
	}
	back, _ := restore(t, w, dir)
	well(t, back)
	register(t, back, "anna@example.org").keep(t, "first.txt")
	// And a database that holds no vault at all is none.
	o := options(t, w, t.TempDir())
	o.Owner = secret.New(dbtest.NewEmpty(t).MigrateURL)
	if _, err := backup.Write(t.Context(), o); err == nil || !strings.Contains(err.Error(), "docuvault migrate") {
		t.Errorf("%v", err)
	}
}
