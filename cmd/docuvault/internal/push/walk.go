package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// item is one thing that a walk found: a file to send, or, with a verdict,
// something that is not sent and why.
type item struct {
	path   string // as a person would name it
	folder string // the vault's path, with slashes; empty for a file that was named itself
	size   int64

	verdict Status // "" for a file to send
	code    string
	detail  string
}

func skipped(p, code, detail string) item {
	return item{path: p, verdict: Skipped, code: code, detail: detail}
}

func failed(p, code string, err error) item {
	return item{path: p, verdict: Failed, code: code, detail: plain(err)}
}

// plain is an error of the file system without its path, which is told beside.
func plain(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// walk calls found for each file below the paths, in the order of names. Links
// are followed, each folder is entered once. It ends early with the context's
// error or with that of found.
func walk(ctx context.Context, paths []string, found func(item) error) error {
	w := walker{ctx: ctx, found: found, entered: map[string]bool{}}
	for _, p := range paths {
		if err := w.argument(p); err != nil {
			return err
		}
	}
	return nil
}

type walker struct {
	ctx     context.Context
	found   func(item) error
	entered map[string]bool // real paths of folders
}

func (w *walker) argument(p string) error {
	p = filepath.Clean(p)
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.found(failed(p, "not_found", errors.New("there is no such file or folder")))
	case err != nil:
		return w.found(failed(p, "unreadable", err))
	case info.IsDir():
		abs, err := filepath.Abs(p)
		if err != nil {
			return fmt.Errorf("find the name of %s: %w", p, err)
		}
		name := filepath.Base(abs)
		if name == string(filepath.Separator) || name == filepath.VolumeName(abs) {
			name = ""
		}
		return w.folder(p, name)
	case !info.Mode().IsRegular():
		// It was asked for by name, so that it is not sent has to be loud.
		return w.found(failed(p, "not_a_file", errors.New("this is "+special(info.Mode())+", not a file")))
	default:
		return w.found(item{path: p, size: info.Size()})
	}
}

func (w *walker) folder(p, folder string) error {
	real, err := filepath.EvalSymlinks(p)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return w.found(failed(p, "unreadable", err))
	}
	if w.entered[real] {
		return w.found(skipped(p, "link_loop", "this folder was visited already"))
	}
	w.entered[real] = true
	entries, err := os.ReadDir(p)
	if err != nil {
		// What could be read of it is still sent.
		if ferr := w.found(failed(p, "unreadable", err)); ferr != nil {
			return ferr
		}
	}
	for _, entry := range entries {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		if err := w.entry(filepath.Join(p, entry.Name()), folder, entry); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(p, folder string, entry fs.DirEntry) error {
	name := entry.Name()
	link := entry.Type()&fs.ModeSymlink != 0
	info, err := os.Stat(p)
	switch {
	case err != nil && link:
		return w.found(skipped(p, "dead_link", "this link leads nowhere"))
	case errors.Is(err, fs.ErrNotExist):
		return nil // removed since the folder was read
	case err != nil:
		return w.found(failed(p, "unreadable", err))
	case info.IsDir():
		if systemFolder(name) {
			return w.found(skipped(p, "system_folder", "the system's own folder"))
		}
		return w.folder(p, path.Join(folder, name))
	case !info.Mode().IsRegular():
		return w.found(skipped(p, "special_file", special(info.Mode())))
	case leftover(name):
		return w.found(skipped(p, "leftover", "a system or temporary file"))
	default:
		return w.found(item{path: p, folder: folder, size: info.Size()})
	}
}

func special(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	default:
		return "a special file"
	}
}

// leftover says whether a file in a folder is what systems and programs leave
// behind: never a paper of the user.
func leftover(name string) bool {
	lower := strings.ToLower(name)
	switch lower {
	case ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", ".localized", "icon\r":
		return true
	}
	for _, prefix := range []string{"~$", "._", ".~lock.", ".#"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"~", ".tmp", ".temp", ".swp", ".swo", ".part", ".partial", ".crdownload"} {
		if strings.HasSuffix(lower, suffix) {
			return true
		}
	}
	return false
}

func systemFolder(name string) bool {
	switch strings.ToLower(name) {
	case "$recycle.bin", "system volume information", ".trashes", ".spotlight-v100", ".fseventsd", "__macosx", "@eadir":
		return true
	}
	return false
}
