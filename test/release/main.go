// Command release builds what a release is made of, into dist: the people's
// binary for every target with the web page in it, packed, with its sums and a
// bill of materials.
//
// It builds from the commit, not from the files that lie around, twice, in
// folders of different names, the page included; and it fails if one byte
// differs. So whoever has the commit, this version of Go and Node can make the
// same files and compare them.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is what a binary runs on.
type target struct{ os, arch string }

// targets are those of a release. On Windows the client's commands work: there
// is no server for it.
var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

func (t target) String() string { return t.os + "/" + t.arch }

func (t target) binary() string {
	if t.os == "windows" {
		return "docuvault.exe"
	}
	return "docuvault"
}

func main() {
	out := flag.String("out", "dist", "folder of the release; it is made anew")
	only := flag.String("only", "", "one target, os/arch, instead of all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out, only string) error {
	chosen := targets
	if only != "" {
		chosen = slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return t.String() != only })
		if len(chosen) == 0 {
			return fmt.Errorf("%q is no target: one of %v", only, targets)
		}
	}
	r, err := describe(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "docuvault-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	// Different names, and different lengths of them.
	trees := []string{filepath.Join(work, "one"), filepath.Join(work, "another", "place")}
	for _, tree := range trees {
		if err := r.checkout(ctx, tree); err != nil {
			return err
		}
		fmt.Printf("the page, in %s\n", tree)
		if err := command(ctx, tree, nil, "sh", ".ci/web", "build").Run(); err != nil {
			return fmt.Errorf("build the page: %w", err)
		}
	}
	if err := same(filepath.Join(trees[0], "web", "dist"), filepath.Join(trees[1], "web", "dist")); err != nil {
		return fmt.Errorf("the page is not built the same twice: %w", err)
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, t := range chosen {
		began := time.Now()
		binary, err := r.twice(ctx, trees, work, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		name, err := r.pack(out, trees[0], binary, t)
		if err != nil {
			return fmt.Errorf("pack %s: %w", t, err)
		}
		fmt.Printf("%-14s %s, twice the same, %s\n", t, name, time.Since(began).Round(time.Second))
		if t == chosen[0] {
			// What is linked differs between targets by what only one system needs.
			if err := r.bill(filepath.Join(out, "docuvault_"+r.version+".cdx.json"), binary, filepath.Join(trees[0], "web")); err != nil {
				return fmt.Errorf("bill of materials: %w", err)
			}
		}
	}
	return sums(out)
}

// release is what is built.
type release struct {
	version string
	at      time.Time // of the commit
	commit  string
}

// describe asks git. SOURCE_DATE_EPOCH and VERSION win.
func describe(ctx context.Context) (release, error) {
	commit, err := output(ctx, "git", "rev-parse", "HEAD")
	if err != nil {
		return release{}, fmt.Errorf("a release is built from a commit: %w", err)
	}
	version, err := output(ctx, "git", "describe", "--tags", "--always", "--abbrev=12", commit)
	if err != nil {
		return release{}, err
	}
	seconds, err := output(ctx, "git", "log", "-1", "--format=%ct", commit)
	if err != nil {
		return release{}, err
	}
	if v := os.Getenv("VERSION"); v != "" {
		version = v
	}
	if strings.ContainsAny(version, "/\\ ") {
		return release{}, fmt.Errorf("the version %q cannot be part of a file's name", version)
	}
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		seconds = s
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return release{}, errors.New("SOURCE_DATE_EPOCH should be seconds since 1970")
	}
	if changed, err := output(ctx, "git", "status", "--porcelain"); err == nil && changed != "" {
		fmt.Fprintln(os.Stderr, "There are changes that are not committed: they are not in this release.")
	}
	return release{version, time.Unix(n, 0).UTC(), commit}, nil
}

// checkout puts the commit's files into a folder.
func (r release) checkout(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(filepath.Dir(dir), filepath.Base(dir)+".tar")
	if err := command(ctx, "", nil, "git", "archive", "--format=tar", "-o", archive, r.commit).Run(); err != nil {
		return fmt.Errorf("take the commit: %w", err)
	}
	if err := command(ctx, dir, nil, "tar", "-xf", archive).Run(); err != nil {
		return fmt.Errorf("take the commit: %w", err)
	}
	return os.Remove(archive)
}

// flags are how a release is built: nothing of the folder, the machine, the user
// or the time goes into the binary.
func (r release) flags() []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-tags", "web", "-ldflags", "-s -w -buildid= -X main.release=" + r.version + " -X docuvault/shared/telemetry.release=" + r.version}
}

// twice builds a binary in both folders, and returns the first if they are the
// same. This machine's own is built the second time without anything that was
// compiled before.
func (r release) twice(ctx context.Context, trees []string, work string, t target) (string, error) {
	var built []string
	for n, tree := range trees {
		binary := filepath.Join(work, fmt.Sprintf("%s-%s-%d", t.os, t.arch, n))
		env := []string{"CGO_ENABLED=0", "GOFLAGS=", "GOTOOLCHAIN=local", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOOS=" + t.os, "GOARCH=" + t.arch}
		if n == 1 && t == (target{runtime.GOOS, runtime.GOARCH}) {
			cache := filepath.Join(work, "cache")
			env = append(env, "GOCACHE="+cache)
			defer func() { _ = os.RemoveAll(cache) }()
		}
		if err := command(ctx, tree, env, "go", append(r.flags(), "-o", binary, "./cmd/docuvault")...).Run(); err != nil {
			return "", err
		}
		built = append(built, binary)
	}
	if err := same(built[0], built[1]); err != nil {
		return "", err
	}
	return built[0], os.Remove(built[1])
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := command(ctx, "", nil, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// same compares two files, or all files of two folders.
func same(a, b string) error {
	one, err := digests(a)
	if err != nil {
		return err
	}
	other, err := digests(b)
	if err != nil {
		return err
	}
	for name := range one {
		if one[name] != other[name] {
			return fmt.Errorf("%s differs from %s", filepath.Join(a, name), filepath.Join(b, name))
		}
	}
	if len(one) != len(other) || len(one) == 0 {
		return fmt.Errorf("%s has %d files and %s has %d", a, len(one), b, len(other))
	}
	return nil
}

// digests are the SHA-256 sums of a file, or of all files in a folder.
func digests(path string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(path, file)
		sum := sha256.Sum256(content)
		all[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		return err
	})
	return all, err
}

// sums writes SHA256SUMS, as sha256sum -c reads it.
func sums(dir string) error {
	all, err := digests(dir)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&b, "%s  %s\n", all[name], name)
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), b.Bytes(), 0o644)
}
