package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"docuvault/shared/chain"
	"docuvault/shared/id"
	"docuvault/shared/storage"
)

// parallel is how many objects are on their way at a time.
const parallel = 8

// The buckets' names in a backup, whatever they are called in storage.
const (
	documentsBucket = "documents"
	derivedBucket   = "derived"
)

// state is what a backup has of an object.
type state string

const (
	stateKept state = "kept" // its bytes
	stateGone state = "gone" // nothing: it was deleted after the snapshot
	stateLost state = "lost" // nothing: the vault has not got it, though a row needs it
	stateOpen state = "open" // nothing: its upload has begun
	stateMade state = "made" // nothing: the vault was making it, and will again
)

// entry is one line of the index.
type entry struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	State  state  `json:"state"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
	Type   string `json:"type,omitempty"`
	// Text is all of a small object that changes, so that the file of the
	// backup before is not overwritten.
	Text string `json:"text,omitempty"`
}

// path is where the bytes are, below the folder of the backup.
func (e entry) path() string { return objectsDir + "/" + e.Bucket + "/" + e.Key }

// eachEntry reads the index.
func eachEntry(ctx context.Context, root string, index File, do func(entry) error) error {
	f, err := unpack(root, index)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	decoder := json.NewDecoder(reading{ctx, f})
	for {
		var e entry
		err := decoder.Decode(&e)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the list of objects: %w", err)
		}
		if err := do(e); err != nil {
			return err
		}
	}
}

// objects copies what the snapshot named and is not there yet, and writes the
// index.
func (w *writer) objects(ctx context.Context) (File, error) {
	list, err := os.Open(w.listFile())
	if err != nil {
		return File{}, fmt.Errorf("read the list of objects: %w", err)
	}
	defer func() { _ = list.Close() }()
	index, err := newSheet(w.Dir, w.data+"/"+indexFile)
	if err != nil {
		return File{}, err
	}
	c := &copier{writer: w, lines: json.NewEncoder(index)}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	decoder := json.NewDecoder(bufio.NewReader(list))
	for within.Err() == nil {
		var want wanted
		if err = decoder.Decode(&want); err != nil {
			break
		}
		group.Go(func() error {
			e, err := c.one(within, want)
			if err != nil {
				return err
			}
			return c.note(e)
		})
	}
	failed := group.Wait()
	switch {
	case ctx.Err() != nil:
		failed = context.Cause(ctx)
	case failed == nil && err != nil && !errors.Is(err, io.EOF):
		failed = fmt.Errorf("read the list of objects: %w", err)
	}
	if failed != nil {
		index.f.drop()
		return File{}, failed
	}
	return index.finish()
}

// copier copies objects, several at a time.
type copier struct {
	*writer
	db    sync.Mutex // of the connection
	mu    sync.Mutex // of the rest
	lines *json.Encoder
}

func (c *copier) note(e entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.State {
	case stateKept:
		c.report.Objects++
		c.report.Bytes += e.Size
	case stateGone:
		c.report.Gone++
	case stateOpen:
		c.report.Open++
	case stateLost, stateMade:
	}
	c.Progress(Progress{Step: "Copying the objects", Objects: c.report.Objects, Bytes: c.report.Bytes})
	if err := c.lines.Encode(e); err != nil {
		return fmt.Errorf("write the list of objects: %w", err)
	}
	return nil
}

// one copies an object, unless it is here.
func (c *copier) one(ctx context.Context, want wanted) (entry, error) {
	e := entry{Bucket: want.Bucket, Key: want.Key, Size: want.Size, Type: want.Type, SHA256: hex.EncodeToString(want.SHA256)}
	if want.Head != "" {
		return c.head(ctx, want, e)
	}
	if want.Making {
		e.State = stateMade
		return e, nil
	}
	path, err := within(c.Dir, e.path())
	if err != nil {
		return e, err
	}
	// A key is never written twice, and a file gets its name when it was
	// compared: the length is enough. A derived object has no hash in its row.
	if info, err := os.Stat(path); err == nil && info.Size() == want.Size {
		e.State = stateKept
		if want.SHA256 == nil {
			e.SHA256, err = sumOf(ctx, path)
		}
		return e, err
	}
	body, info, err := c.bucket(want.Bucket).Get(ctx, want.Key)
	if errors.Is(err, storage.ErrNotFound) {
		e.State, err = c.absent(ctx, want, "object_missing")
		return e, err
	}
	if err != nil {
		return e, fmt.Errorf("read an object: %w", err)
	}
	defer func() { _ = body.Close() }()
	if e.Type == "" {
		e.Type = info.ContentType
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return e, err
	}
	f, err := create(path)
	if err != nil {
		return e, err
	}
	sum := sha256.New()
	// One byte more than there should be tells that there are more.
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(reading{ctx, body}, want.Size+1))
	if err != nil {
		f.drop()
		return e, fmt.Errorf("copy an object: %w", err)
	}
	if n != want.Size || want.SHA256 != nil && !bytes.Equal(sum.Sum(nil), want.SHA256) {
		f.drop()
		e.State, err = c.absent(ctx, want, "object_differs")
		return e, err
	}
	if err := f.commit(); err != nil {
		return e, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Copied++
	c.report.CopiedBytes += n
	e.State, e.SHA256 = stateKept, hex.EncodeToString(sum.Sum(nil))
	return e, nil
}

// head is the head of a day: what storage has, unless that is of a later seal
// than the snapshot's last one, or was not written yet.
func (c *copier) head(ctx context.Context, want wanted, e entry) (entry, error) {
	body, _, err := c.Store.Derived.Get(ctx, want.Key)
	text := want.Head
	switch {
	case errors.Is(err, storage.ErrNotFound):
		if want.Laid {
			e.State, err = c.absent(ctx, want, "object_missing")
			return e, err
		}
	case err != nil:
		return e, fmt.Errorf("read a head of the audit log: %w", err)
	default:
		there, err := io.ReadAll(io.LimitReader(body, 2*chain.HeadSize))
		_ = body.Close()
		if err != nil {
			return e, fmt.Errorf("read a head of the audit log: %w", err)
		}
		ours, _ := chain.ParseHead(want.Head)
		// What is no head, or another one, is kept as it is: it tells something.
		if theirs, err := chain.ParseHead(string(there)); err != nil || theirs.Number <= ours.Number {
			text = string(there)
		}
	}
	sum := sha256.Sum256([]byte(text))
	e.State, e.Text, e.Size, e.SHA256 = stateKept, text, int64(len(text)), hex.EncodeToString(sum[:])
	return e, nil
}

// absent tells whether an object that is not there, or not as its row says, was
// deleted since the snapshot, or is lost.
func (c *copier) absent(ctx context.Context, want wanted, code string) (state, error) {
	if want.Open {
		return stateOpen, nil
	}
	query := `SELECT EXISTS (SELECT FROM public.documents WHERE object_key = $1 AND status IN ` + needs + ` AND ` + kept + `)`
	if want.Bucket == derivedBucket {
		query = `SELECT EXISTS (SELECT FROM public.objects WHERE key = $1 AND (user_id IS NULL OR ` + kept + `))`
	}
	var still bool
	c.db.Lock()
	err := c.conn.QueryRow(ctx, query, want.Key).Scan(&still)
	c.db.Unlock()
	if err != nil {
		return "", hide(ctx, err)
	}
	if !still {
		return stateGone, nil
	}
	loss := Loss{Code: code, Object: want.Bucket + "/" + want.Key}
	loss.User, _ = id.Parse(want.User)
	loss.Document, _ = id.Parse(want.Document)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Lost++
	if len(c.report.Losses) < maxLosses {
		c.report.Losses = append(c.report.Losses, loss)
	}
	return stateLost, nil
}

func (o Options) bucket(name string) storage.Backend {
	if name == derivedBucket {
		return o.Store.Derived
	}
	return o.Store.Documents
}

// sumOf is a file's SHA-256, in hexadecimal.
func sumOf(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the backup: %w", err)
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, reading{ctx, f}); err != nil {
		return "", fmt.Errorf("read the backup: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
