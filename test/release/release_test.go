package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestArchivesAreTheSameEachTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 10, 0, 1, 0, time.UTC)
	files := []file{{"d/docuvault", 0o755, []byte("binary")}, {"d/LICENSE", 0o644, []byte("text")}}
	for name, pack := range map[string]func([]file, time.Time) ([]byte, error){"tar": packTar, "zip": packZip} {
		one, err := pack(files, at)
		if err != nil {
			t.Fatal(err)
		}
		other, err := pack(files, at)
		if err != nil || !bytes.Equal(one, other) {
			t.Errorf("%s differs: %v", name, err)
		}
		if later, err := pack(files, at.Add(2*time.Second)); err != nil || bytes.Equal(one, later) {
			t.Errorf("%s does not hold the commit's time: %v", name, err)
		}
	}
	packed, err := packTar(files, at)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	header, err := tar.NewReader(gz).Next()
	if err != nil || header.Mode != 0o755 || header.Uid != 0 || header.Uname != "" || !header.ModTime.Equal(at) {
		t.Errorf("%+v %v", header, err)
	}
	if packed, err = packZip(files, at); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil || len(z.File) != 2 || z.File[0].Name != "d/docuvault" {
		t.Fatalf("%v", err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(r); err != nil || string(content) != "binary" {
		t.Errorf("%q %v", content, err)
	}
}

func TestADifferenceIsSeen(t *testing.T) {
	t.Parallel()
	folder := func(files map[string]string) string {
		dir := t.TempDir()
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	one := folder(map[string]string{"a": "1", "b": "2"})
	for name, other := range map[string]map[string]string{
		"another byte": {"a": "1", "b": "3"}, "one less": {"a": "1"}, "one more": {"a": "1", "b": "2", "c": ""}, "another name": {"a": "1", "c": "2"},
	} {
		if err := same(one, folder(other)); err == nil {
			t.Errorf("%s: nobody saw it", name)
		}
	}
	if err := same(one, folder(map[string]string{"a": "1", "b": "2"})); err != nil {
		t.Error(err)
	}
	if err := same(t.TempDir(), t.TempDir()); err == nil {
		t.Error("two folders with nothing in them are no proof")
	}
	if err := sums(one); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(one, "SHA256SUMS"))
	if err != nil || !strings.HasPrefix(string(text), "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  a\n") {
		t.Errorf("%s %v", text, err)
	}
}

// The page's packages are looked up in the real lock file; the binary is this
// one.
func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	page := t.TempDir()
	path := filepath.Join(page, "bill.json")
	lock, err := os.ReadFile(filepath.Join("..", "..", "web", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := `["node_modules/vue", "node_modules/@vue/shared", "node_modules/vue-router/node_modules/@vue/devtools-api"]`
	if err := os.MkdirAll(filepath.Join(page, "dist", ".vite"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"package-lock.json": string(lock), "dist/.vite/packages.json": found} {
		if err := os.WriteFile(filepath.Join(page, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := release{version: "v1.2.3", at: time.Unix(1_800_000_000, 0).UTC()}
	if err := r.bill(path, self, page); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(content, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.PURL != "pkg:generic/docuvault@v1.2.3" || b.Metadata.Timestamp != "2027-01-15T08:00:00Z" {
		t.Errorf("%+v", b.Metadata)
	}
	refs := map[string]bool{}
	for _, c := range b.Components {
		if refs[c.Ref] || c.Version == "" {
			t.Errorf("%s is there twice, or has no version", c.Ref)
		}
		refs[c.Ref] = true
		if c.Name == "vue" && (len(c.Hashes) != 1 || len(c.Hashes[0].Content) != 128 || len(c.Licenses) != 1) {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []string{"pkg:golang/std@", "pkg:npm/vue@", "pkg:npm/%40vue/shared@", "pkg:npm/%40vue/devtools-api@"} {
		if !strings.Contains(string(content), `"purl": "`+want) {
			t.Errorf("nothing begins with %s", want)
		}
	}
}

// The flags keep out what would differ: of a small program, since the vault
// takes minutes ("make release" compares all of it).
func TestFlagsKeepTheFolderOut(t *testing.T) {
	t.Parallel()
	r := release{version: "v1.2.3"}
	var built []string
	for _, dir := range []string{filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "another", "place")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			"go.mod":  "module small\n\ngo 1.26\n",
			"main.go": "package main\n\nimport \"runtime\"\n\nvar release string\n\nfunc main() {\n\t_, file, _, _ := runtime.Caller(0)\n\tprintln(release, file)\n}\n",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		binary := filepath.Join(dir, "small")
		cmd := command(t.Context(), dir, []string{"CGO_ENABLED=0", "GOFLAGS="}, "go", append(r.flags(), "-o", binary, ".")...)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		built = append(built, binary)
	}
	if err := same(built[0], built[1]); err != nil {
		t.Error(err)
	}
	out, err := exec.CommandContext(t.Context(), built[0]).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "v1.2.3 small/main.go" {
		t.Errorf("%s %v", out, err)
	}
}
