package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A bill of materials in the form of CycloneDX 1.6 (ECMA-424), as much of it as
// is needed: what is linked into the binary, by what the binary itself says, and
// the packages that the page is made of, by what its build found in it.
type bom struct {
	Schema      string      `json:"$schema"`
	Format      string      `json:"bomFormat"`
	SpecVersion string      `json:"specVersion"`
	Version     int         `json:"version"`
	Metadata    metadata    `json:"metadata"`
	Components  []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	PURL     string    `json:"purl"`
	Hashes   []digest  `json:"hashes,omitempty"`
	Licenses []license `json:"licenses,omitempty"`
}

type digest struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	Expression string `json:"expression"`
}

func newComponent(kind, ecosystem, name, version string) component {
	parts := strings.Split(name, "/")
	for n, part := range parts {
		parts[n] = strings.ReplaceAll(url.PathEscape(part), "@", "%40")
	}
	purl := fmt.Sprintf("pkg:%s/%s@%s", ecosystem, strings.Join(parts, "/"), url.PathEscape(version))
	return component{Type: kind, Ref: purl, Name: name, Version: version, PURL: purl}
}

// bill writes the bill of a binary and of the page in it, whose folder is page.
func (r release) bill(path, binary, page string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata:   metadata{r.at.Format(time.RFC3339), newComponent("application", "generic", "docuvault", r.version)},
		Components: []component{newComponent("library", "golang", "std", strings.TrimPrefix(info.GoVersion, "go"))},
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, newComponent("library", "golang", m.Path, m.Version))
	}
	packages, err := packagesOf(page)
	if err != nil {
		return err
	}
	b.Components = append(b.Components, packages...)
	content, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(content, '\n'), 0o644)
}

// packagesOf lists the packages that are in the page, as its build has written
// down; what they are is in the lock file.
func packagesOf(page string) ([]component, error) {
	var l struct {
		Packages map[string]struct{ Version, Integrity, License string }
	}
	var names []string
	if err := readJSON(filepath.Join(page, "package-lock.json"), &l); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(page, "dist", ".vite", "packages.json"), &names); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("the page's build names no package that it is made of")
	}
	byRef := map[string]component{} // one may be there twice, for two others
	for _, path := range names {
		p, ok := l.Packages[path]
		if !ok {
			return nil, fmt.Errorf("%s is in the page and not in its lock file", path)
		}
		c := newComponent("library", "npm", path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):], p.Version)
		if algorithm, sum, ok := strings.Cut(p.Integrity, "-"); ok && algorithm == "sha512" {
			raw, err := base64.StdEncoding.DecodeString(sum)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			c.Hashes = []digest{{"SHA-512", hex.EncodeToString(raw)}}
		}
		if p.License != "" {
			c.Licenses = []license{{p.License}}
		}
		byRef[c.Ref] = c
	}
	return slices.SortedFunc(maps.Values(byRef), func(a, b component) int { return strings.Compare(a.Ref, b.Ref) }), nil
}

func readJSON(path string, v any) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, v)
}
