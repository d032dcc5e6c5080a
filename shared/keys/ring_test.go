package keys

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/seal"
)

func testRing(t testing.TB, text string) *Ring {
	t.Helper()
	return NewRing(mustSet(t, text), time.Now)
}

func TestWrapAndUnwrap(t *testing.T) {
	t.Parallel()
	ring, user, record := testRing(t, "a:"+encodedKey(1)), id.New(), id.New()
	w, err := ring.NewWrapped(user)
	if err != nil {
		t.Fatal(err)
	}
	if w.MasterID != "a" || w.Number != 1 || len(w.Bytes) != KeySize+seal.Overhead {
		t.Errorf("wrapped = %q, %d, %d bytes", w.MasterID, w.Number, len(w.Bytes))
	}
	u, err := ring.Unwrap(user, w)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ring.Unwrap(user, w)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := u.Seal("documents", "title", record, []byte("a title"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := again.Open("documents", "title", record, sealed)
	if err != nil || string(opened) != "a title" {
		t.Errorf("Open = %q, %v", opened, err)
	}
	if _, err := u.Open("documents", "notes", record, sealed); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("another column: %v", err)
	}
	if second, err := ring.NewWrapped(user); err != nil || bytes.Equal(second.Bytes, w.Bytes) {
		t.Errorf("a second data key is the same: %v", err)
	}
}

func TestAWrappedKeyOpensOnlyInItsRow(t *testing.T) {
	t.Parallel()
	ring := testRing(t, "a:"+encodedKey(1)+",b:"+encodedKey(2))
	user := id.New()
	w, err := ring.NewWrapped(user)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(change func(*Wrapped)) Wrapped {
		c := w
		c.Bytes = bytes.Clone(w.Bytes)
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		ring *Ring
		user id.ID
		w    Wrapped
		want error
	}{
		"another user":       {ring, id.New(), w, seal.ErrSealedForged},
		"another number":     {ring, user, edit(func(w *Wrapped) { w.Number = 2 }), seal.ErrSealedForged},
		"number 0":           {ring, user, edit(func(w *Wrapped) { w.Number = 0 }), seal.ErrPlace},
		"another master":     {ring, user, edit(func(w *Wrapped) { w.MasterID = "b" }), seal.ErrSealedKey},
		"missing master":     {testRing(t, "b:"+encodedKey(2)), user, w, ErrMasterMissing},
		"same id, other key": {testRing(t, "a:"+encodedKey(3)), user, w, seal.ErrSealedForged},
		"flipped bit":        {ring, user, edit(func(w *Wrapped) { w.Bytes[30] ^= 1 }), seal.ErrSealedForged},
		"truncated":          {ring, user, edit(func(w *Wrapped) { w.Bytes = w.Bytes[:20] }), seal.ErrSealedMalformed},
		"empty":              {ring, user, Wrapped{MasterID: "a", Number: 1}, seal.ErrSealedMalformed},
	} {
		u, err := c.ring.Unwrap(c.user, c.w)
		if !errors.Is(err, c.want) || u != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want == ErrMasterMissing && !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("%s: the error does not name it: %v", name, err)
		}
	}
}

func TestRewrapKeepsTheDataKey(t *testing.T) {
	t.Parallel()
	user, record := id.New(), id.New()
	before := testRing(t, "old:"+encodedKey(1))
	w, err := before.NewWrapped(user)
	if err != nil {
		t.Fatal(err)
	}
	u, err := before.Unwrap(user, w)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := u.Seal("documents", "title", record, []byte("kept"))
	if err != nil {
		t.Fatal(err)
	}

	both := testRing(t, "new:"+encodedKey(2)+",old:"+encodedKey(1))
	moved, changed, err := both.Rewrap(user, w)
	if err != nil || !changed || moved.MasterID != "new" || moved.Number != w.Number {
		t.Fatalf("Rewrap = %q, %d, %v, %v", moved.MasterID, moved.Number, changed, err)
	}
	if same, changed, err := both.Rewrap(user, moved); err != nil || changed || !bytes.Equal(same.Bytes, moved.Bytes) {
		t.Errorf("a second Rewrap = %v, %v", changed, err)
	}

	after := testRing(t, "new:"+encodedKey(2))
	u, err = after.Unwrap(user, moved)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := u.Open("documents", "title", record, sealed); err != nil || string(opened) != "kept" {
		t.Errorf("after the rotation: %q, %v", opened, err)
	}
	if _, _, err := after.Rewrap(user, w); !errors.Is(err, ErrMasterMissing) {
		t.Errorf("Rewrap without the old master: %v", err)
	}
}

// table is the contract of Store in memory: the real one is SQL and has its own
// tests on PostgreSQL.
type table struct {
	mu    sync.Mutex
	rows  map[id.ID]Wrapped
	loads atomic.Int64
	err   error
}

func (s *table) Load(_ context.Context, user id.ID) (Wrapped, bool, error) {
	s.loads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.rows[user]
	return w, ok, s.err
}

func (s *table) Create(_ context.Context, user id.ID, w Wrapped) (Wrapped, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if won, ok := s.rows[user]; ok {
		return won, nil
	}
	s.rows[user] = w
	return w, nil
}

func TestForGivesEveryProcessTheSameKey(t *testing.T) {
	t.Parallel()
	store, user := &table{rows: map[id.ID]Wrapped{}}, id.New()
	const processes = 16
	names := make([][]byte, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			u, err := testRing(t, "a:"+encodedKey(1)).For(t.Context(), store, user)
			if err != nil {
				t.Error(err)
				return
			}
			names[i] = u.NameKey("x")
		})
	}
	wg.Wait()
	for _, n := range names {
		if !bytes.Equal(n, names[0]) {
			t.Error("two processes have different keys for one user")
		}
	}
}

// late is a store whose Load comes just before another process creates the row.
type late struct{ *table }

func (s late) Load(context.Context, id.ID) (Wrapped, bool, error) { return Wrapped{}, false, nil }

func TestForTakesTheRowThatWon(t *testing.T) {
	t.Parallel()
	store, user := &table{rows: map[id.ID]Wrapped{}}, id.New()
	winner, err := testRing(t, "a:"+encodedKey(1)).For(t.Context(), store, user)
	if err != nil {
		t.Fatal(err)
	}
	loser, err := testRing(t, "a:"+encodedKey(1)).For(t.Context(), late{store}, user)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(winner.NameKey("x"), loser.NameKey("x")) {
		t.Error("the loser of the race uses a key that was never stored")
	}
}

func TestForUsesTheCache(t *testing.T) {
	t.Parallel()
	store, user := &table{rows: map[id.ID]Wrapped{}}, id.New()
	ring := testRing(t, "a:"+encodedKey(1))
	for range 3 {
		if _, err := ring.For(t.Context(), store, user); err != nil {
			t.Fatal(err)
		}
	}
	if n := store.loads.Load(); n != 1 {
		t.Errorf("%d loads, want 1", n)
	}
	ring.Forget(user)
	store.err = errors.New("the database is away")
	if _, err := ring.For(t.Context(), store, user); !errors.Is(err, store.err) {
		t.Errorf("For after Forget: %v", err)
	}
}

// Deleting the row shreds: a key made afterwards opens nothing of before.
func TestADeletedRowShreds(t *testing.T) {
	t.Parallel()
	store, user, record := &table{rows: map[id.ID]Wrapped{}}, id.New(), id.New()
	u, err := testRing(t, "a:"+encodedKey(1)).For(t.Context(), store, user)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := u.Seal("documents", "title", record, []byte("gone"))
	if err != nil {
		t.Fatal(err)
	}
	delete(store.rows, user)
	u2, err := testRing(t, "a:"+encodedKey(1)).For(t.Context(), store, user)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := u2.Open("documents", "title", record, sealed); !errors.Is(err, seal.ErrSealed) || opened != nil {
		t.Errorf("opened %q, %v", opened, err)
	}
	if u.SearchToken("x") == u2.SearchToken("x") || bytes.Equal(u.NameKey("x"), u2.NameKey("x")) {
		t.Error("index or names are still linked")
	}
}

func cachedUser(t testing.TB) *User {
	t.Helper()
	u, err := newUser(id.New(), 1, new([KeySize]byte))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCacheLimits(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	cache := NewCache(func() time.Time { return now })

	first := cachedUser(t)
	cache.Put(first)
	now = now.Add(cacheTTL - 1)
	if got, ok := cache.Get(first.ID()); !ok || got != first {
		t.Error("gone before 5 minutes")
	}
	now = now.Add(1)
	if _, ok := cache.Get(first.ID()); ok {
		t.Error("still there after 5 minutes, because it was used")
	}

	cache.Put(first)
	var last *User
	for range cacheSize {
		last = cachedUser(t)
		cache.Put(last)
	}
	if n := cache.Len(); n != cacheSize {
		t.Errorf("holds %d users, want %d", n, cacheSize)
	}
	if _, ok := cache.Get(first.ID()); ok {
		t.Error("the oldest is still there")
	}
	if _, ok := cache.Get(last.ID()); !ok {
		t.Error("the newest is gone")
	}
	cache.Put(last)
	if n := cache.Len(); n != cacheSize {
		t.Errorf("the same user twice: %d", n)
	}
	cache.Drop(last.ID())
	if _, ok := cache.Get(last.ID()); ok {
		t.Error("still there after Drop")
	}
}

func TestAnIdleCacheLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := NewCache(time.Now)
		cache.Put(cachedUser(t))
		time.Sleep(2 * time.Minute) // synctest's clock
		cache.Put(cachedUser(t))
		time.Sleep(3*time.Minute + time.Millisecond)
		synctest.Wait()
		if n := cache.Len(); n != 1 {
			t.Errorf("after 5 minutes: %d entries, want 1", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := cache.Len(); n != 0 {
			t.Errorf("after 7 minutes: %d entries, want 0", n)
		}
		cache.Put(cachedUser(t)) // the timer starts again
		time.Sleep(cacheTTL + time.Millisecond)
		synctest.Wait()
		if n := cache.Len(); n != 0 {
			t.Errorf("a later entry stayed: %d", n)
		}
	})
}

func TestCacheIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	cache := NewCache(time.Now)
	users := []*User{cachedUser(t), cachedUser(t), cachedUser(t)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 500 {
				u := users[(i+n)%len(users)]
				cache.Put(u)
				if got, ok := cache.Get(u.ID()); ok && got != u {
					t.Error("another user's keys")
				}
				if n%7 == 0 {
					cache.Drop(u.ID())
				}
				_ = u.SearchToken("token")
			}
		})
	}
	wg.Wait()
}

func goldenUser(t testing.TB) *User {
	t.Helper()
	var dek [KeySize]byte
	for i := range dek {
		dek[i] = byte(i)
	}
	u, err := newUser(id.New(), 1, &dek)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestKeyedHashes(t *testing.T) {
	t.Parallel()
	u, other := goldenUser(t), cachedUser(t)
	if got := hex.EncodeToString(u.NameKey("Straße ")); got != goldenNameKey {
		t.Errorf("NameKey = %s", got)
	}
	for range 10 { // the state is pooled
		if got := u.SearchToken("versicherung"); got != goldenSearchToken || len(got) != TokenSize {
			t.Errorf("SearchToken = %s", got)
		}
	}
	if u.LearnToken("versicherung") == u.SearchToken("versicherung") || u.LearnToken("a") == other.LearnToken("a") {
		t.Error("learned tokens can be matched with search tokens, or across users")
	}
	if bytes.Equal(u.NameKey("a"), other.NameKey("a")) || u.SearchToken("a") == other.SearchToken("a") {
		t.Error("two users share a keyed hash")
	}
}

func TestNamesThatAreTheSame(t *testing.T) {
	t.Parallel()
	u := goldenUser(t)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Taxes", "tAXES", true},
		{" Taxes\t", "Taxes", true},
		{"Straße", "STRASSE", true},
		{"Äpfel", "A\u0308pfel", true},
		{"äpfel", "A\u0308PFEL", true},
		{"Σίσυφος", "ΣΊΣΥΦΟΣ", true},
		{"\u0345\u0300", "\u0300\u0345", true}, // canonical order of marks
		{"Taxes 2025", "Taxes 2026", false},
		{"Tax es", "Taxes", false},
		{"Apfel", "Äpfel", false},
		{"ﬁle", "file", true}, // full case folding takes ligatures apart
		{"ꮏ", "Ꮏ", true},      // Cherokee
		{"①", "1", false},     // but NFC is not NFKC
	} {
		if got := bytes.Equal(u.NameKey(c.a), u.NameKey(c.b)); got != c.same {
			t.Errorf("%q and %q: same = %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func FuzzFoldName(f *testing.F) {
	for _, s := range []string{"Straße", "İstanbul", "\u0345", "A\u0308", " x ", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		folded := FoldName(name)
		if again := FoldName(folded); strings.TrimSpace(folded) == folded && again != folded {
			t.Errorf("%q folds to %q, and that to %q", name, folded, again)
		}
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	env, err := host.NewEnv([]string{"MASTER_KEYS=a:" + encodedKey(1)}, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	first, err := Open(env)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Open(env); err != nil || second != first {
		t.Errorf("a second Ring: %v", err)
	}

	planted := encodedKey(77)
	for _, environ := range [][]string{nil, {"MASTER_KEYS="}, {"MASTER_KEYS=" + planted}, {"MASTER_KEYS=a:" + planted + "x"}} {
		env, err := host.NewEnv(environ, log, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(env)
		if err == nil || !strings.Contains(err.Error(), "MASTER_KEYS") || !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("%d variables: %v", len(environ), err)
		}
		if err != nil && strings.Contains(err.Error(), planted) {
			t.Errorf("the error prints the key: %v", err)
		}
	}
}

func BenchmarkSearchToken(b *testing.B) {
	u := goldenUser(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = u.SearchToken("haftpflichtversicherung")
	}
}

func BenchmarkUnwrap(b *testing.B) {
	ring, user := testRing(b, "a:"+encodedKey(1)), id.New()
	w, err := ring.NewWrapped(user)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Unwrap(user, w); err != nil {
			b.Fatal(err)
		}
	}
}
