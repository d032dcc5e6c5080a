package chain_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"docuvault/shared/chain"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
)

// vectors are testdata/vectors.json: entries with their leaves, roots of the
// first n of them, and a seal. What is in it was made once and never changes:
// the heads that users kept depend on it.
type vectors struct {
	Entries []struct {
		ID          int64     `json:"id"`
		XID         uint64    `json:"xid"`
		At          time.Time `json:"at"`
		User        id.ID     `json:"user_id"`
		Actor       string    `json:"actor"`
		Action      string    `json:"action"`
		Target      id.ID     `json:"target"`
		PersonalMAC string    `json:"personal_mac"`
		Metadata    string    `json:"metadata"`
		Leaf        string    `json:"leaf"`
	} `json:"entries"`
	Roots []string `json:"roots"`
	Seal  struct {
		Number   int64     `json:"number"`
		Previous string    `json:"previous"`
		Jump     string    `json:"jump"`
		Ranges   string    `json:"ranges"`
		Count    int32     `json:"count"`
		Root     string    `json:"root"`
		At       time.Time `json:"at"`
		MarkXID  uint64    `json:"mark_xid"`
		MarkID   int64     `json:"mark_id"`
		Hash     string    `json:"hash"`
	} `json:"seal"`
}

func read(t *testing.T) (v vectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Entries) < 5 || len(v.Roots) != len(v.Entries)+1 {
		t.Fatalf("%d entries and %d roots", len(v.Entries), len(v.Roots))
	}
	return v
}

func parse(t *testing.T, text string) chain.Hash {
	t.Helper()
	h, err := chain.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	if text == "" {
		return nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestVectorsInGo(t *testing.T) {
	t.Parallel()
	v := read(t)
	var leaves []chain.Hash
	for _, e := range v.Entries {
		leaf := chain.Entry{ID: e.ID, XID: e.XID, At: e.At, User: e.User, Target: e.Target, Actor: e.Actor, Action: e.Action,
			PersonalMAC: unhex(t, e.PersonalMAC), Metadata: e.Metadata}.Leaf()
		if leaf.String() != e.Leaf {
			t.Errorf("entry %d: leaf %s, want %s", e.ID, leaf, e.Leaf)
		}
		leaves = append(leaves, leaf)
	}
	for n, want := range v.Roots {
		if got := chain.Root(leaves[:n]); got.String() != want {
			t.Errorf("root of %d: %s, want %s", n, got, want)
		}
	}
	s := v.Seal
	got := chain.Seal{Number: s.Number, Previous: parse(t, s.Previous), Jump: parse(t, s.Jump), Ranges: chain.RangesHash(s.Ranges), Count: s.Count,
		Root: parse(t, s.Root), At: s.At, MarkXID: s.MarkXID, MarkID: s.MarkID}.Hash()
	if got.String() != s.Hash {
		t.Errorf("seal: %s, want %s", got, s.Hash)
	}
}

func TestVectorsInSQL(t *testing.T) {
	t.Parallel()
	v, d := read(t), dbtest.New(t)
	null := func(text string) any {
		if text == "" || text == id.Nil.String() {
			return nil
		}
		return text
	}
	for _, e := range v.Entries {
		d.Exec(t, `INSERT INTO audit_log (id, xid, at, user_id, actor, action, target, personal_mac, metadata)
		   VALUES ($1, $2::text::xid8, $3, $4, $5, $6, $7, decode($8, 'hex'), $9::text::jsonb)`,
			e.ID, fmt.Sprint(e.XID), e.At, null(e.User.String()), e.Actor, e.Action, null(e.Target.String()), null(e.PersonalMAC), e.Metadata)
		if got := dbtest.Query1[string](t, d, `SELECT encode(audit_leaf(l), 'hex') FROM audit_log l WHERE id = $1`, e.ID); got != e.Leaf {
			t.Errorf("entry %d: leaf %s, want %s", e.ID, got, e.Leaf)
		}
	}
	for n, want := range v.Roots {
		if got := dbtest.Query1[string](t, d, `SELECT encode(audit_root(ARRAY(SELECT audit_leaf(l) FROM audit_log l ORDER BY id LIMIT $1)), 'hex')`, n); got != want {
			t.Errorf("root of %d: %s, want %s", n, got, want)
		}
	}
	s := v.Seal
	d.Exec(t, `INSERT INTO audit_seals (number, previous, jump, ranges, count, root, created_at, mark_xid, mark_id, hash, leaves)
	   VALUES ($1, decode($2, 'hex'), decode($3, 'hex'), $4::text::int8multirange, $5, decode($6, 'hex'), $7, $8::text::xid8, $9, '', '')`,
		s.Number, s.Previous, s.Jump, s.Ranges, s.Count, s.Root, s.At, fmt.Sprint(s.MarkXID), s.MarkID)
	if got := dbtest.Query1[string](t, d, `SELECT encode(audit_seal_hash(s), 'hex') FROM audit_seals s`); got != s.Hash {
		t.Errorf("seal: %s, want %s", got, s.Hash)
	}
}

// Known answers of RFC 6962's tree, from the test data of Certificate
// Transparency: they tie ours to everybody's.
func TestRootOfCertificateTransparency(t *testing.T) {
	t.Parallel()
	inputs := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var leaves []chain.Hash
	for n, want := range roots {
		if got := chain.Root(leaves).String(); got != want {
			t.Errorf("root of %d: %s, want %s", n, got, want)
		}
		if n < len(inputs) {
			leaves = append(leaves, sha256.Sum256(append([]byte{0}, unhex(t, inputs[n])...)))
		}
	}
}

func TestPathsProveTheirLeafAlone(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 70; n++ {
		leaves := make([]chain.Hash, n)
		for i := range leaves {
			leaves[i] = sha256.Sum256([]byte{byte(i)})
		}
		root := chain.Root(leaves)
		for i, leaf := range leaves {
			path := chain.Path(leaves, i)
			if !chain.Included(leaf, i, n, path, root) {
				t.Fatalf("leaf %d of %d is not proven", i, n)
			}
			for what, wrong := range map[string]bool{
				"another leaf":    chain.Included(chain.Hash{}, i, n, path, root),
				"another place":   chain.Included(leaf, (i+1)%n, n, path, root) && n > 1,
				"beyond the end":  chain.Included(leaf, n, n, path, root),
				"a longer path":   chain.Included(leaf, i, n, append(path, chain.Hash{}), root),
				"another root":    chain.Included(leaf, i, n, path, chain.Hash{}),
				"a shorter path":  len(path) > 0 && chain.Included(leaf, i, n, path[:len(path)-1], root),
				"a negative leaf": chain.Included(leaf, -1, n, path, root),
			} {
				if wrong {
					t.Fatalf("leaf %d of %d is proven with %s", i, n, what)
				}
			}
		}
	}
}

func TestTheWayBackIsShort(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := rng.Int64N(1<<20) + 1
		to := rng.Int64N(from) + 1
		way := chain.Way(from, to)
		if way[0] != from || way[len(way)-1] != to {
			t.Fatalf("from %d to %d: %v", from, to, way)
		}
		for n := range way[1:] {
			if way[n+1] != way[n]-1 && way[n+1] != chain.Jump(way[n]) {
				t.Fatalf("from %d to %d: %d does not link to %d", from, to, way[n], way[n+1])
			}
		}
		if len(way) > 231 {
			t.Fatalf("from %d to %d in %d steps", from, to, len(way))
		}
	}
}

func TestHeadText(t *testing.T) {
	t.Parallel()
	for _, h := range []chain.Head{
		{Number: 1, Hash: sha256.Sum256(nil), At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{Number: 1<<63 - 1, Hash: chain.Hash{}, At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.FixedZone("x", 3600))},
	} {
		text := h.Text()
		back, err := chain.ParseHead(text)
		if len(text) != chain.HeadSize || err != nil || back.Number != h.Number || back.Hash != h.Hash || !back.At.Equal(h.At) {
			t.Errorf("%q: %+v, %v", text, back, err)
		}
		for _, wrong := range []string{"", text[1:], text + "\n", text[:len(text)-1], "x" + text[1:], text[:20] + "x" + text[21:], text[:50] + "x" + text[51:], text[:110] + "x" + text[111:]} {
			if _, err := chain.ParseHead(wrong); err == nil {
				t.Errorf("%q is taken", wrong)
			}
		}
	}
}
