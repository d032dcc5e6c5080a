package backup

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// What a folder holds. Everything is readable by its owner alone.
const (
	manifestFile = "manifest.json"
	markerFile   = "docuvault-backup.txt"
	objectsDir   = "objects"
	keysDir      = "keys"
	keysManifest = "keys.json"
	dataPrefix   = "data-"
	keysPrefix   = "user_keys-"
	indexFile    = "objects.jsonl.gz"
	keyedTable   = "keyed"
)

const marker = `This folder holds a backup of a DocuVault, written by "docuvault backup" and read
by "docuvault restore". Leave its files as they are.

Whoever reads it reads what the vault's database and buckets hold: the papers as
they were uploaded, addresses, sizes and dates. Names, texts and notes are sealed.
The folder "keys" has the users' keys, wrapped under the vault's master keys; kept
apart, it can be deleted earlier. The master keys are not here: keep them elsewhere,
since nothing sealed opens without them.
`

// File is one file of a backup: what its bytes have to be.
type File struct {
	Path   string `json:"path"` // below the folder, with slashes
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Table is one table's rows in COPY's text form.
type Table struct {
	Name    string   `json:"name"` // with its schema
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	File
}

// Manifest says what a backup is. It is written last.
type Manifest struct {
	Format     int       `json:"format"`
	At         time.Time `json:"at"`
	Schema     string    `json:"schema"` // its newest migration
	PostgreSQL string    `json:"postgresql"`
	Program    string    `json:"program"` // that wrote it
	Vault      string    `json:"vault"`   // which database it is of
	// Tables are in an order that foreign keys allow.
	Tables []Table `json:"tables"`
	// Keyed are the users who had a key.
	Keyed Table `json:"keyed"`
	// Index names the objects.
	Index   File  `json:"index"`
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Keys is the manifest of the folder of keys.
type Keys struct {
	Format int       `json:"format"`
	At     time.Time `json:"at"`
	Vault  string    `json:"vault"`
	Table  Table     `json:"table"`
}

func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder of the backup: %w", err)
	}
	return nil
}

// claim makes the folder, or takes one that is empty or a backup's.
func claim(dir string) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, markerFile)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the folder of the backup: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is neither empty nor a backup: name another folder", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("close the folder of the backup to others: %w", err)
	}
	return replace(filepath.Join(dir, markerFile), []byte(marker))
}

// replace writes a file in one step: readers see the old or the new one.
func replace(path string, content []byte) error {
	w, err := create(path)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		w.drop()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return w.commit()
}

func replaceJSON(path string, v any) error {
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return replace(path, append(content, '\n'))
}

func readJSON(path string, v any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// file is one that gets its name when all of it is on the disk.
type file struct {
	*os.File
	path string
}

// partial is what unfinished files are called; a later run removes them.
const partial = ".part-*"

func create(path string) (*file, error) {
	f, err := os.CreateTemp(filepath.Dir(path), partial) // with mode 0600
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &file{f, path}, nil
}

func (f *file) drop() {
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func (f *file) commit() error {
	err := f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	syncDir(filepath.Dir(f.path))
	return nil
}

// syncDir makes a new name survive a loss of power, where the system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// sheet is a compressed file of a backup, of which the hash is known at its end.
type sheet struct {
	f    *file
	buf  *bufio.Writer
	gz   *gzip.Writer
	sum  hash.Hash
	n    int64
	name string
}

// newSheet begins a file below root.
func newSheet(root, name string) (*sheet, error) {
	f, err := create(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	s := &sheet{f: f, sum: sha256.New(), name: name}
	s.buf = bufio.NewWriterSize(counted{s}, 1<<16)
	// Most of it is sealed and does not get smaller: the fast way.
	s.gz, err = gzip.NewWriterLevel(s.buf, gzip.BestSpeed)
	return s, err
}

type counted struct{ s *sheet }

func (c counted) Write(p []byte) (int, error) {
	n, err := c.s.f.Write(p)
	c.s.sum.Write(p[:n])
	c.s.n += int64(n)
	return n, err
}

func (s *sheet) Write(p []byte) (int, error) { return s.gz.Write(p) }

func (s *sheet) finish() (File, error) {
	err := s.gz.Close()
	if err == nil {
		err = s.buf.Flush()
	}
	if err != nil {
		s.f.drop()
		return File{}, fmt.Errorf("write %s: %w", s.name, err)
	}
	if err := s.f.commit(); err != nil {
		return File{}, err
	}
	return File{Path: s.name, Bytes: s.n, SHA256: hex.EncodeToString(s.sum.Sum(nil))}, nil
}

// check compares a file with what the manifest says, and names it if it is not
// so.
func check(ctx context.Context, root string, want File) error {
	path, err := within(root, want.Path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the backup is damaged: %s is missing", path)
	}
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, reading{ctx, f})
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if n != want.Bytes || hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("the backup is damaged: %s is not what was written (another hash or length)", path)
	}
	return nil
}

// reading ends when its context does.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// within is a path of a backup, which does not leave its folder.
func within(root, name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) {
		return "", fmt.Errorf("%q is no name of a file in a backup", name)
	}
	return filepath.Join(root, local), nil
}

// unpacked opens a compressed file of a backup.
type unpacked struct {
	*gzip.Reader
	f *os.File
}

func unpack(root string, file File) (*unpacked, error) {
	path, err := within(root, file.Path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	gz, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("the backup is damaged: %s: %w", path, err)
	}
	return &unpacked{gz, f}, nil
}

func (u *unpacked) Close() error { return u.f.Close() }
