package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"docuvault/shared/id"
)

func mustID(t testing.TB, s string) id.ID {
	t.Helper()
	parsed, err := id.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func testKey(t testing.TB, number uint32, fill byte) Key {
	t.Helper()
	raw := make([]byte, KeySize)
	for i := range raw {
		raw[i] = fill + byte(i)
	}
	key, err := NewKey(number, raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// only hands out one key.
func only(key Key) func(uint32) (Key, bool) {
	return func(number uint32) (Key, bool) { return key, number == key.number }
}

// renumbered hands out the same bytes under whatever number a header names, so that
// nothing but the additional data protects the number.
func renumbered(key Key) func(uint32) (Key, bool) {
	return func(number uint32) (Key, bool) { return Key{number: number, aead: key.aead}, true }
}

func testPlace(t testing.TB) Place {
	return Place{
		Table: "documents", Column: "title",
		User:   mustID(t, "01900000-0000-7000-8000-000000000001"),
		Record: mustID(t, "01900000-0000-7000-8000-000000000002"),
	}
}

// The vector was computed with Python's cryptography.AESGCM from the layout in
// the package comment, not with this package.
const (
	goldenSealed = "010100000007" + "0102030405060708090a0b0c"
	goldenBody   = "558536bc8fedd0b47c90576a202bdb1d1be72e8923068f177c974459f5280e31"
)

func TestGoldenVector(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 7, 0), testPlace(t)
	nonce := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}

	const aad = "00000006" + "010100000007" +
		"00000009" + "646f63756d656e7473" +
		"00000010" + "01900000000070008000000000000001" +
		"00000010" + "01900000000070008000000000000002" +
		"00000005" + "7469746c65"
	header := []byte{1, 1, 0, 0, 0, 7}
	if got := hex.EncodeToString(place.bind(header)); got != aad {
		t.Errorf("additional data = %s\nwant %s", got, aad)
	}

	got, err := sealWith(bytes.NewReader(nonce), key, place, []byte("Policy 2024-0815"))
	if err != nil {
		t.Fatal(err)
	}
	want := goldenSealed + goldenBody
	if hex.EncodeToString(got) != want {
		t.Errorf("sealed = %x\nwant     %s", got, want)
	}
	stored, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Open(only(key), place, stored)
	if err != nil || string(opened) != "Policy 2024-0815" {
		t.Errorf("Open = %q, %v", opened, err)
	}
}

func TestRoundTripSizes(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 1, 9), testPlace(t)
	for _, size := range []int{0, 1, 15, 16, 17, 4096, 4 << 20} {
		plaintext := bytes.Repeat([]byte{0xa5}, size)
		sealed, err := Seal(key, place, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != size+Overhead {
			t.Errorf("%d bytes sealed to %d, want %d", size, len(sealed), size+Overhead)
		}
		opened, err := Open(only(key), place, sealed)
		if err != nil || !bytes.Equal(opened, plaintext) || opened == nil {
			t.Errorf("%d bytes did not come back: %v", size, err)
		}
	}
}

func TestEveryBitFlipIsRefused(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 3, 1), testPlace(t)
	sealed, err := Seal(key, place, []byte("a title with a name"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			damaged := bytes.Clone(sealed)
			damaged[i] ^= 1 << bit
			for name, keys := range map[string]func(uint32) (Key, bool){"own": only(key), "any number": renumbered(key)} {
				opened, err := Open(keys, place, damaged)
				if !errors.Is(err, ErrSealed) || opened != nil {
					t.Fatalf("byte %d bit %d (%s): opened %q, error %v", i, bit, name, opened, err)
				}
			}
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 3, 1), testPlace(t)
	sealed, err := Seal(key, place, []byte("a title with a name"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range sealed {
		if opened, err := Open(only(key), place, sealed[:n]); !errors.Is(err, ErrSealed) || opened != nil {
			t.Errorf("first %d bytes: opened %q, error %v", n, opened, err)
		}
		if opened, err := Open(only(key), place, sealed[n+1:]); !errors.Is(err, ErrSealed) || opened != nil {
			t.Errorf("from byte %d: opened %q, error %v", n+1, opened, err)
		}
	}
	if opened, err := Open(only(key), place, append(sealed, 0)); !errors.Is(err, ErrSealed) || opened != nil {
		t.Errorf("one byte more: opened %q, error %v", opened, err)
	}
	if _, err := Open(only(key), place, nil); !errors.Is(err, ErrSealedMalformed) {
		t.Errorf("nil: %v", err)
	}
}

func TestEverySwapIsRefused(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 3, 1), testPlace(t)
	sealed, err := Seal(key, place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(*Place)) Place {
		p := place
		change(&p)
		return p
	}
	header := func(at int, value byte) []byte {
		s := bytes.Clone(sealed)
		s[at] = value
		return s
	}
	other := mustID(t, "01900000-0000-7000-8000-0000000000ff")
	for name, c := range map[string]struct {
		keys   func(uint32) (Key, bool)
		place  Place
		sealed []byte
		want   error
	}{
		"user":            {only(key), edit(func(p *Place) { p.User = other }), sealed, ErrSealedForged},
		"record":          {only(key), edit(func(p *Place) { p.Record = other }), sealed, ErrSealedForged},
		"user and record": {only(key), edit(func(p *Place) { p.User, p.Record = p.Record, p.User }), sealed, ErrSealedForged},
		"column":          {only(key), edit(func(p *Place) { p.Column = "notes" }), sealed, ErrSealedForged},
		"table":           {only(key), edit(func(p *Place) { p.Table = "topics" }), sealed, ErrSealedForged},
		"split elsewhere": {only(key), edit(func(p *Place) { p.Table, p.Column = "documentst", "itle" }), sealed, ErrSealedForged},
		"version":         {only(key), place, header(0, 2), ErrSealedMalformed},
		"algorithm":       {only(key), place, header(1, 2), ErrSealedMalformed},
		"unknown key":     {only(key), place, header(5, 4), ErrSealedKey},
		"key number":      {renumbered(key), place, header(5, 4), ErrSealedForged},
		"key":             {only(testKey(t, 3, 2)), place, sealed, ErrSealedForged},
		"lying lookup":    {func(uint32) (Key, bool) { return testKey(t, 9, 1), true }, place, sealed, ErrSealedKey},
		"empty key":       {func(uint32) (Key, bool) { return Key{number: 3}, true }, place, sealed, ErrSealedKey},
	} {
		opened, err := Open(c.keys, c.place, c.sealed)
		if !errors.Is(err, c.want) || !errors.Is(err, ErrSealed) || opened != nil {
			t.Errorf("%s: opened %q, error %v, want %v", name, opened, err, c.want)
		}
	}
}

func TestAnIncompletePlaceIsRefused(t *testing.T) {
	t.Parallel()
	key, whole := testKey(t, 1, 1), testPlace(t)
	sealed, err := Seal(key, whole, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Place){
		"table":  func(p *Place) { p.Table = "" },
		"column": func(p *Place) { p.Column = "" },
		"user":   func(p *Place) { p.User = id.Nil },
		"record": func(p *Place) { p.Record = id.Nil },
	} {
		p := whole
		change(&p)
		if _, err := Seal(key, p, []byte("x")); !errors.Is(err, ErrPlace) {
			t.Errorf("Seal without %s: %v", name, err)
		}
		if _, err := Open(only(key), p, sealed); !errors.Is(err, ErrPlace) {
			t.Errorf("Open without %s: %v", name, err)
		}
	}
	if _, err := Seal(Key{}, whole, nil); err == nil {
		t.Error("sealed with an empty key")
	}
}

func TestNoncesDiffer(t *testing.T) {
	t.Parallel()
	key, place := testKey(t, 1, 1), testPlace(t)
	seen := map[string]bool{}
	for range 10_000 {
		sealed, err := Seal(key, place, nil)
		if err != nil {
			t.Fatal(err)
		}
		nonce := string(sealed[headerSize : headerSize+nonceSize])
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

func TestAFailingRandomSourceSealsNothing(t *testing.T) {
	t.Parallel()
	sealed, err := sealWith(strings.NewReader("short"), testKey(t, 1, 1), testPlace(t), []byte("x"))
	if err == nil || sealed != nil {
		t.Errorf("sealed %x, error %v", sealed, err)
	}
}

func TestKeysNeverPrint(t *testing.T) {
	t.Parallel()
	raw := []byte("0123456789abcdefghijklmnopqrstuv")
	key, err := NewKey(5, raw)
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ key Key }{key}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, key, &key, hidden, &hidden)
	}
	// AES keeps the key as words, in either order of bytes.
	big, little := binary.BigEndian.Uint32(raw), binary.LittleEndian.Uint32(raw)
	for _, planted := range []string{
		string(raw), hex.EncodeToString(raw), fmt.Sprint(raw)[1:20], "30 31 32", "0x30",
		fmt.Sprint(big), fmt.Sprint(little), fmt.Sprintf("%x", big), fmt.Sprintf("%x", little),
	} {
		if strings.Contains(out.String(), planted) {
			t.Errorf("a key was printed: %s", out.String())
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewKey(1, make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was taken", n)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("text"), "documents", "title", uint32(1))
	f.Add([]byte{}, "a", "b", uint32(0))
	f.Add(bytes.Repeat([]byte{0}, 100), "user_keys", "wrapped", uint32(1<<31))
	f.Fuzz(func(t *testing.T, plaintext []byte, table, column string, number uint32) {
		key, place := testKey(t, number, 5), testPlace(t)
		place.Table, place.Column = table, column
		sealed, err := Seal(key, place, plaintext)
		if !place.valid() {
			if !errors.Is(err, ErrPlace) {
				t.Fatalf("incomplete place: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if binary.BigEndian.Uint32(sealed[2:6]) != number {
			t.Fatal("header names another key")
		}
		opened, err := Open(only(key), place, sealed)
		if err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("Open = %q, %v", opened, err)
		}
	})
}

// FuzzOpen: no bytes that we did not seal ever open, and none crash.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, Overhead))
	f.Add([]byte{1, 1, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		opened, err := Open(renumbered(testKey(t, 3, 1)), testPlace(t), sealed)
		if !errors.Is(err, ErrSealed) || opened != nil {
			t.Fatalf("opened %q, error %v", opened, err)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	key, place := testKey(b, 1, 1), testPlace(b)
	plaintext := []byte("Haftpflichtversicherung 2024-0815")
	b.ReportAllocs()
	for b.Loop() {
		sealed, err := Seal(key, place, plaintext)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Open(only(key), place, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
