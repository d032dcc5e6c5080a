package push

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// collect walks paths below dir and returns what was found, one line each, with
// dir taken away.
func collect(t *testing.T, dir string, paths ...string) []string {
	t.Helper()
	var got []string
	for i, p := range paths {
		paths[i] = filepath.Join(dir, p)
	}
	err := walk(t.Context(), paths, func(i item) error {
		line := strings.TrimPrefix(filepath.ToSlash(i.path), filepath.ToSlash(dir)+"/")
		if i.verdict != "" {
			line += " " + string(i.verdict) + " " + i.code
		} else {
			line += " -> " + i.folder
		}
		got = append(got, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func make1(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		p := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(p), 0o700)
		if err == nil {
			err = os.WriteFile(p, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make1(t, dir, "Tax/2024/a.pdf", "Tax/b.txt", "Tax/.DS_Store", "Tax/~$letter.docx", "Tax/.~lock.x.odt#", "Tax/x.tmp", "Tax/x~",
		"Tax/thumbs.DB", "Tax/._a.pdf", "Tax/.hidden", "Tax/movie.part", "Tax/$RECYCLE.BIN/old.txt", "Tax/"+strings.Repeat("ü", 100)+".txt", "file.tmp")
	want := []string{
		"Tax/$RECYCLE.BIN skipped system_folder", "Tax/.DS_Store skipped leftover", "Tax/._a.pdf skipped leftover", "Tax/.hidden -> Tax",
		"Tax/.~lock.x.odt# skipped leftover", "Tax/2024/a.pdf -> Tax/2024", "Tax/b.txt -> Tax", "Tax/movie.part skipped leftover",
		"Tax/thumbs.DB skipped leftover", "Tax/x.tmp skipped leftover", "Tax/x~ skipped leftover", "Tax/~$letter.docx skipped leftover",
		"Tax/" + strings.Repeat("ü", 100) + ".txt -> Tax",
		// What is named is sent, whatever its name; what is not there is a failure.
		"file.tmp -> ", "gone failed not_found",
	}
	if got := collect(t, dir, "Tax/", "file.tmp", "gone"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWalkLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make1(t, dir, "d/sub/a.txt", "elsewhere/b.txt")
	for link, to := range map[string]string{
		"d/sub/loop": "..", "d/self": "self", "d/dead": "nowhere", "d/linked": filepath.Join(dir, "elsewhere"), "d/twice": "linked", "d/file": "sub/a.txt",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("this system makes no links:", err)
		}
	}
	want := []string{
		"d/dead skipped dead_link", "d/file -> d", "d/linked/b.txt -> d/linked", "d/self skipped dead_link",
		"d/sub/a.txt -> d/sub", "d/sub/loop skipped link_loop", "d/twice skipped link_loop",
	}
	if got := collect(t, dir, "d"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWalkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make1(t, dir, "a", "b", "c")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	found := 0
	err := walk(ctx, []string{dir}, func(item) error { found++; cancel(stop); return nil })
	if !errors.Is(err, stop) || found != 1 {
		t.Errorf("%v after %d", err, found)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string]string{ // FIPS 180-4 examples
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		name := filepath.Join(dir, "f")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, buffer := range []int{1, 2, 64} {
			got, err := hashFile(t.Context(), name, make([]byte, buffer))
			if err != nil || got.sha256 != want || got.size != int64(len(content)) {
				t.Errorf("%q: %+v, %v", content, got, err)
			}
		}
	}
}

func TestMediaType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.PDF": "application/pdf", "a.md": "text/markdown", "a.eml": "message/rfc822", "a.csv": "text/csv", "a.jpeg": "image/jpeg",
		"scan": "application/pdf", "a.unknown-extension": "application/pdf",
	} {
		if got := mediaType(name, []byte("%PDF-1.7\n")); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := mediaType("empty", nil); got != "application/octet-stream" {
		t.Errorf("empty: %s", got)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1048575: "1.0 MiB", 41 << 20: "41.0 MiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
