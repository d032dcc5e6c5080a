package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"

	"docuvault/shared/fault"
	"docuvault/shared/secret"
)

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		password string
		ok       bool
	}{
		"7":                  {"1234567", false},
		"8":                  {"8 chars!", true},
		"only spaces":        {"        ", true},
		"128":                {strings.Repeat("a", 128), true},
		"129":                {strings.Repeat("a", 129), false},
		"128 of four bytes":  {strings.Repeat("😀", 128), true},
		"129 of four bytes":  {strings.Repeat("😀", 129), false},
		"7 of four bytes":    {strings.Repeat("😀", 7), false},
		"7 letters, 8 runes": {"abcdefu\u0308", false}, // NFC: ü is one
		"common":             {"12345678", false},
		"common, any case":   {"PassWord1", false},
		"empty":              {"", false},
		"no UTF-8":           {"1234567\xff", false},
		"a megabyte":         {strings.Repeat("a", 1<<20), false},
	} {
		err := CheckPassword(secret.New(c.password))
		if (err == nil) != c.ok || err != nil && fault.CodeOf(err) != fault.ValidationFailed {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && c.password != "" && strings.Contains(err.Error(), c.password) {
			t.Errorf("%s: the error holds the password", name)
		}
	}
}

func TestHashAndVerify(t *testing.T) {
	t.Parallel()
	h, ctx := NewHasher(2), t.Context()
	// 72 bytes and more, equal up to the last character: bcrypt would cut them.
	long := strings.Repeat("long password ", 9)
	password := secret.New(long + "A")
	stored, err := h.Hash(ctx, password)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("stored = %s", stored)
	}
	if ok, rehash, err := h.Verify(ctx, password, stored); err != nil || !ok || rehash {
		t.Errorf("Verify = %v, %v, %v", ok, rehash, err)
	}
	for _, wrong := range []string{"", long, long + "B", long + "a", long + "A "} {
		if ok, rehash, err := h.Verify(ctx, secret.New(wrong), stored); err != nil || ok || rehash {
			t.Errorf("Verify(%d bytes) = %v, %v, %v", len(wrong), ok, rehash, err)
		}
	}
	if again, err := h.Hash(ctx, password); err != nil || again == stored {
		t.Errorf("the same salt twice: %v", err)
	}
}

func TestPasswordsAreComparedInNFC(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	stored, err := h.Hash(t.Context(), secret.New("Schlüssel"))
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), secret.New("Schlu\u0308ssel"), stored); err != nil || !ok {
		t.Errorf("decomposed: %v, %v", ok, err)
	}
	if ok, _, err := h.Verify(t.Context(), secret.New("Schlussel"), stored); err != nil || ok {
		t.Errorf("without the dots: %v, %v", ok, err)
	}
}

// The example of the reference implementation (phc-winner-argon2, test.c):
// argon2id, m=65536, t=2, p=1.
func TestReferenceVector(t *testing.T) {
	t.Parallel()
	const stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := NewHasher(1)
	if ok, rehash, err := h.Verify(t.Context(), secret.New("password"), stored); err != nil || !ok || !rehash {
		t.Errorf("Verify = %v, %v, %v", ok, rehash, err)
	}
}

func TestRehashIsAskedFor(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	make := func(c cost, salt, size int) string {
		s := make([]byte, salt)
		return phc{c, s, argon2.IDKey([]byte("password"), s, c.passes, c.memory, c.threads, uint32(size))}.String()
	}
	for name, c := range map[string]struct {
		stored string
		want   bool
	}{
		"today's":      {make(current, saltSize, hashSize), false},
		"less memory":  {make(cost{8 << 10, 2, 1}, saltSize, hashSize), true},
		"more memory":  {make(cost{20 << 10, 2, 1}, saltSize, hashSize), true},
		"one pass":     {make(cost{19 << 10, 1, 1}, saltSize, hashSize), true},
		"two threads":  {make(cost{19 << 10, 2, 2}, saltSize, hashSize), true},
		"shorter salt": {make(current, 8, hashSize), true},
		"shorter hash": {make(current, saltSize, 16), true},
	} {
		if ok, rehash, err := h.Verify(t.Context(), secret.New("password"), c.stored); err != nil || !ok || rehash != c.want {
			t.Errorf("%s: %v, %v, %v", name, ok, rehash, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), secret.New("Password"), c.stored); err != nil || ok || rehash {
			t.Errorf("%s, wrong password: %v, %v, %v", name, ok, rehash, err)
		}
	}
}

func TestHostileHashStrings(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	salt, sum := base64.RawStdEncoding.EncodeToString(make([]byte, 16)), base64.RawStdEncoding.EncodeToString(make([]byte, 32))
	with := func(parameters string) string { return "$argon2id$v=19$" + parameters + "$" + salt + "$" + sum }
	if _, err := parsePHC(with("m=19456,t=2,p=1")); err != nil {
		t.Fatalf("the good form is refused, so the rest would prove nothing: %v", err)
	}
	for name, stored := range map[string]string{
		"empty":              "",
		"plain":              "password",
		"bcrypt":             "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":            strings.Replace(with("m=19456,t=2,p=1"), "argon2id", "argon2i", 1),
		"version 16":         strings.Replace(with("m=19456,t=2,p=1"), "v=19", "v=16", 1),
		"4 GiB":              with("m=4194304,t=2,p=1"),
		"65 MiB":             with("m=66560,t=2,p=1"),
		"memory overflows":   with("m=4294967297,t=2,p=1"),
		"memory 0":           with("m=0,t=2,p=1"),
		"memory 7":           with("m=7,t=2,p=1"),
		"8 KiB, 4 threads":   with("m=8,t=2,p=4"),
		"a million passes":   with("m=19456,t=1000000,p=1"),
		"passes 0":           with("m=19456,t=0,p=1"),
		"threads 0":          with("m=19456,t=2,p=0"),
		"threads 5":          with("m=19456,t=2,p=5"),
		"threads 256":        with("m=19456,t=2,p=256"),
		"negative":           with("m=-1,t=2,p=1"),
		"plus":               with("m=+19456,t=2,p=1"),
		"leading zero":       with("m=019456,t=2,p=1"),
		"hex":                with("m=0x4c00,t=2,p=1"),
		"space":              with("m= 19456,t=2,p=1"),
		"another order":      with("t=2,m=19456,p=1"),
		"one more parameter": with("m=19456,t=2,p=1,keyid=x"),
		"one more segment":   with("m=19456,t=2,p=1") + "$x",
		"short salt":         "$argon2id$v=19$m=19456,t=2,p=1$AAAA$" + sum,
		"short hash":         "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
		"no hash":            "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"padded":             with("m=19456,t=2,p=1") + "=",
		"line break":         with("m=19456,t=2,p=1") + "\n",
		"long hash":          "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
	} {
		if ok, _, err := h.Verify(t.Context(), secret.New("password"), stored); !errors.Is(err, ErrHashMalformed) || ok {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if h.Calls() != 0 {
		t.Errorf("%d hashes were computed for strings that are none", h.Calls())
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$AA")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err == nil && (!p.bounded() || p.String() != s) {
			t.Errorf("%q was taken", s)
		}
	})
}

// Known and unknown accounts compute one hash each, of the same cost.
func TestUnknownAccountsCostTheSame(t *testing.T) {
	t.Parallel()
	h := NewHasher(1)
	stored, err := h.Hash(t.Context(), secret.New("the right password"))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	h.key = func(password, salt []byte, passes, memory uint32, threads uint8, size uint32) []byte {
		asked = append(asked, fmt.Sprint(len(password), len(salt), passes, memory, threads, size))
		return make([]byte, size)
	}
	before := h.Calls()
	wrong := secret.New("a wrong password")
	if _, _, err := h.Verify(t.Context(), wrong, stored); err != nil {
		t.Fatal(err)
	}
	if err := h.VerifyDummy(t.Context(), wrong); err != nil {
		t.Fatal(err)
	}
	if h.Calls()-before != 2 || len(asked) != 2 || asked[0] != asked[1] {
		t.Errorf("%d calls, of %q", h.Calls()-before, asked)
	}
}

func TestHashesAtOnceAreCapped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit, people = 2, 10
		h := NewHasher(limit)
		var running, most atomic.Int64
		h.key = func(_, _ []byte, _, _ uint32, _ uint8, size uint32) []byte {
			n := running.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(20 * time.Millisecond) // synctest's clock
			running.Add(-1)
			return make([]byte, size)
		}
		start := time.Now()
		var wg sync.WaitGroup
		for range people {
			wg.Go(func() {
				if _, err := h.Hash(t.Context(), secret.New("password")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most.Load() != limit || h.Calls() != people {
			t.Errorf("%d at once of %d, want %d of %d", most.Load(), h.Calls(), limit, people)
		}
		if took := time.Since(start); took != people/limit*20*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(1)
		h.key = func(_, _ []byte, _, _ uint32, _ uint8, size uint32) []byte {
			time.Sleep(time.Minute) // synctest's clock
			return make([]byte, size)
		}
		go func() { _, _ = h.Hash(t.Context(), secret.New("password")) }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := h.Hash(ctx, secret.New("password"))
		if fault.CodeOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hash = %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v", took)
		}
		if err := h.VerifyDummy(ctx, secret.New("password")); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("VerifyDummy after the deadline = %v", err)
		}
		if h.Calls() != 1 {
			t.Errorf("%d hashes, want 1", h.Calls())
		}
		time.Sleep(time.Minute) // the slot is free now, and the deadline still over
		for range 20 {
			if err := h.VerifyDummy(ctx, secret.New("password")); fault.CodeOf(err) != fault.Unavailable {
				t.Fatalf("VerifyDummy after the deadline, with a free slot = %v", err)
			}
		}
		if _, err := h.Hash(t.Context(), secret.New("password")); err != nil {
			t.Errorf("the slot was not given back: %v", err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher(1)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), secret.New("correct horse battery staple")); err != nil {
			b.Fatal(err)
		}
	}
}
