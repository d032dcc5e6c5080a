package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"docuvault/shared/id"
	"docuvault/shared/seal"
	"docuvault/shared/secret"
)

func mustID(t testing.TB, s string) id.ID {
	t.Helper()
	parsed, err := id.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// encodedKey is 32 bytes that count up from start.
func encodedKey(start byte) string {
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = start + byte(i)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func mustSet(t testing.TB, text string) Set {
	t.Helper()
	set, err := ParseSet("MASTER_KEYS", secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestParseSet(t *testing.T) {
	t.Parallel()
	set := mustSet(t, " 2026-b:"+encodedKey(1)+" ,\n 2025-a:"+encodedKey(2)+"\n")
	if got := set.Primary().ID(); got != "2026-b" {
		t.Errorf("primary = %q", got)
	}
	if old, ok := set.Find("2025-a"); !ok || old.secret()[0] != 2 || len(set.All()) != 2 {
		t.Errorf("second key: %v", ok)
	}
	if _, ok := set.Find("2024"); ok {
		t.Error("found a key that is not there")
	}
}

func TestParseSetRefusesAndPrintsNoKey(t *testing.T) {
	t.Parallel()
	key := encodedKey(1)
	unpadded := strings.TrimRight(key, "=")
	for name, c := range map[string]struct{ text, want string }{
		"unset":             {"", "MASTER_KEYS is not set"},
		"white space":       {" \n", "MASTER_KEYS is not set"},
		"no id":             {key, "entry 1 has no colon"},
		"empty id":          {":" + key, "entry 1 has no valid id"},
		"wrong way round":   {key + ":main", "entry 1 has no valid id"},
		"upper case":        {"Main:" + key, "entry 1 has no valid id"},
		"id too long":       {strings.Repeat("a", 33) + ":" + key, "entry 1 has no valid id"},
		"trailing comma":    {"a:" + key + ",", "entry 2 is empty"},
		"no key":            {"a:", "entry 1 has a key of 0 bytes"},
		"short":             {"a:" + base64.StdEncoding.EncodeToString([]byte("sixteen bytes ok")), "entry 1 has a key of 16 bytes"},
		"long":              {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 33)), "entry 1 has a key of 33 bytes"},
		"hex":               {"a:" + hex.EncodeToString(bytes.Repeat([]byte{0xab}, 32)), "entry 1 has a key of 48 bytes"},
		"unpadded":          {"a:" + unpadded, "entry 1 is not standard base64"},
		"trailing bits":     {"a:" + unpadded[:len(unpadded)-1] + "B=", "entry 1 is not standard base64"},
		"url alphabet":      {"a:" + strings.Repeat("_", 43) + "=", "entry 1 is not standard base64"},
		"line break inside": {"a:" + key[:20] + "\n" + key[20:], "entry 1 is not standard base64"},
		"placeholder":       {"a:" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "placeholder"},
		"same id":           {"a:" + key + ",b:" + encodedKey(3) + ",a:" + encodedKey(2), "entries 1 and 3 have the same id"},
		"same key":          {"a:" + key + ",b:" + key, "entries 1 and 2 hold the same key"},
	} {
		_, err := ParseSet("MASTER_KEYS", secret.New(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "MASTER_KEYS") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), key[:10]) || strings.Contains(err.Error(), "sixteen") {
			t.Errorf("%s: the error prints the key: %v", name, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	first, err := Generate("k1")
	if err != nil {
		t.Fatal(err)
	}
	second, err := Generate("k2")
	if err != nil {
		t.Fatal(err)
	}
	set := mustSet(t, first.Reveal()+","+second.Reveal())
	if set.Primary().ID() != "k1" {
		t.Errorf("primary = %q", set.Primary().ID())
	}
	if _, err := Generate("No Id"); err == nil {
		t.Error("made a key with an id that cannot be read back")
	}
}

// RFC 8032 section 7.1, test 1.
func TestEd25519Seed(t *testing.T) {
	t.Parallel()
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	if err != nil {
		t.Fatal(err)
	}
	set := mustSet(t, "a:"+base64.StdEncoding.EncodeToString(seed))
	public := set.Primary().Ed25519().Public().(ed25519.PublicKey)
	if got := hex.EncodeToString(public); got != "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" {
		t.Errorf("public key = %s", got)
	}
}

func TestMACsBelongToUserSessionKeyAndPurpose(t *testing.T) {
	t.Parallel()
	set := mustSet(t, "a:"+encodedKey(1)+",b:"+encodedKey(2))
	a, b := set.keys[0], set.keys[1]
	user, session, other := id.New(), id.New(), id.New()
	message := []byte("the same message")
	seen := map[string]bool{}
	all := [][]byte{
		a.RefreshMAC(user, session, message), b.RefreshMAC(user, session, message),
		a.RefreshMAC(other, session, message), a.RefreshMAC(user, other, message), a.RefreshMAC(session, user, message),
		a.RefreshMAC(user, user, message), a.DeviceMAC(user, message), a.DeviceMAC(other, message), b.DeviceMAC(user, message),
		a.RefreshMAC(user, session, message[1:]), a.DeviceMAC(user, message[1:]),
	}
	for _, m := range all {
		seen[string(m)] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d of %d MACs differ", len(seen), len(all))
	}
	if !bytes.Equal(all[0], a.RefreshMAC(user, session, message)) {
		t.Error("the same MAC twice is not the same")
	}
}

func TestNothingPrintsKeyMaterial(t *testing.T) {
	t.Parallel()
	raw := []byte("0123456789abcdefghijklmnopqrstuv")
	set := mustSet(t, "a:"+base64.StdEncoding.EncodeToString(raw))
	ring := NewRing(set, nil)
	user, err := newUser(id.New(), 1, (*[KeySize]byte)(raw))
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		set  Set
		key  Key
		ring *Ring
		user *User
		User User
		Set  Set
	}
	h := holder{set, set.Primary(), ring, user, *user, set}
	cfg := Config{MasterKeys: secret.New("a:" + base64.StdEncoding.EncodeToString(raw)), set: set}

	var out bytes.Buffer
	values := []any{set, &set, set.Primary(), ring, *ring, user, *user, h, &h, cfg, set.All(), []any{h}, map[string]any{"h": h}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if encoded, err := json.Marshal(v); err == nil {
			out.Write(encoded)
		}
	}
	lookup := user.lookup()[:]
	for _, planted := range []string{
		string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), "48 49 50 51", "0x30, 0x31",
		string(lookup), hex.EncodeToString(lookup), fmt.Sprint(lookup)[1:12],
	} {
		if strings.Contains(out.String(), planted) {
			t.Errorf("key material was printed (%q)", planted)
		}
	}
}

// Without this, only the additional data would keep two users' wrapped keys
// apart.
func TestEveryUserHasAnOwnWrappingKey(t *testing.T) {
	t.Parallel()
	master := mustSet(t, "a:"+encodedKey(1)).Primary()
	user := id.New()
	result := map[bool]error{}
	kek, err := kekOf(master, user)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := seal.Seal(kek, wrapPlace(user, 1), make([]byte, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for own, whose := range map[bool]id.ID{true: user, false: id.New()} {
		kek, err := kekOf(master, whose)
		if err != nil {
			t.Fatal(err)
		}
		_, result[own] = seal.Open(func(uint32) (seal.Key, bool) { return kek, true }, wrapPlace(user, 1), wrapped)
	}
	if result[true] != nil || !errors.Is(result[false], seal.ErrSealedForged) {
		t.Errorf("own: %v, another user's: %v", result[true], result[false])
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add("a:" + encodedKey(1))
	f.Add("a:" + encodedKey(1) + ",b:" + encodedKey(2))
	f.Add(",:,")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := ParseSet("SESSION_KEYS", secret.New(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "SESSION_KEYS") {
				t.Fatalf("error without the variable: %v", err)
			}
			return
		}
		if !ValidID(set.Primary().ID()) {
			t.Fatal("took an invalid id")
		}
	})
}
