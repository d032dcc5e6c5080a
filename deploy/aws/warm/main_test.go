package main

import (
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"docuvault/shared/extract"
	"docuvault/shared/picture"
)

// files lists the files below a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			name, relErr := filepath.Rel(dir, path)
			names, err = append(names, name), relErr
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// TestWarm wants everything that the analysis compiles in the folder, under the
// names by which it is found there: opened again as on Lambda, from a folder that
// is nobody's cache, nothing is compiled, since what is would be added to the copy.
func TestWarm(t *testing.T) {
	cache, scratch := t.TempDir(), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	if err := warm(); err != nil {
		t.Fatal(err)
	}
	baked := filepath.Join(cache, "docuvault", "wazero")
	compiled := files(t, baked)
	if len(compiled) != 2 {
		t.Fatalf("%d modules were compiled, want PDFium and libwebp: %q", len(compiled), compiled)
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("TMPDIR", scratch)
	extractor, err := extract.New(extract.DefaultLimits, baked, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	studio, err := picture.New(extractor.Compilation())
	if err != nil {
		t.Fatal(err)
	}
	copies, err := filepath.Glob(filepath.Join(scratch, "docuvault-wazero-*"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("the cache is in %q, %v", copies, err)
	}
	if got := files(t, copies[0]); !slices.Equal(got, compiled) {
		t.Errorf("it compiled again: %q beside %q", got, compiled)
	}
	if err := studio.Close(); err != nil {
		t.Error(err)
	}
	if err := extractor.Close(); err != nil {
		t.Error(err)
	}
}

// TestWarmNeedsAFolder: an image without the code would start slowly for ever.
func TestWarmNeedsAFolder(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/dev/null")
	if err := warm(); err == nil {
		t.Error("nothing was written, and it says nothing")
	}
}
