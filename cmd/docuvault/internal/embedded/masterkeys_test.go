package embedded

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/keys"
	"docuvault/shared/pgserver"
)

func TestAddMasterKey(t *testing.T) {
	t.Parallel()
	f, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.AddMasterKey(); err == nil {
		t.Error("a vault without keys got one")
	}
	vars := Vars{}
	if err := f.Keys(vars, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"k2", "k3"} {
		if added, err := f.AddMasterKey(); err != nil || added != want {
			t.Errorf("%q, %v; want %q", added, err, want)
		}
	}
	text, err := f.existing("master-keys")
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.ParseSet("MASTER_KEYS", text)
	if err != nil || len(set.All()) != 3 || set.Primary().ID() != "k3" || !strings.HasSuffix(text.Reveal(), vars["MASTER_KEYS"]) {
		t.Errorf("%v, %d keys", err, len(set.All()))
	}
	if info, err := os.Stat(f.MasterKeys()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	data := pgserver.DataDir(f.postgres())
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte("1\n/data\n0\n"+port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.AddMasterKey(); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("while it runs: %v", err)
	}
}
