package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

func testCodec(t testing.TB) *Codec {
	t.Helper()
	return NewCodec(mustSet(t, "s2:"+encodedKey(2)+",s1:"+encodedKey(1)), testNow)
}

func TestRefreshRoundTrip(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	for _, generation := range []int64{1, 2, 1 << 32, math.MaxInt64} {
		want := Refresh{id.New(), id.New(), generation}
		token, err := codec.Mint(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Parse(token); err != nil || got != want {
			t.Errorf("Parse = %+v, %v, want %+v", got, err, want)
		}
		if again, err := codec.Mint(want); err != nil || again.Reveal() != token.Reveal() {
			t.Errorf("the same generation has another token: %v", err)
		}
	}
	for name, r := range map[string]Refresh{"user": {id.Nil, id.New(), 1}, "session": {id.New(), id.Nil, 1}, "generation": {id.New(), id.New(), 0}} {
		if _, err := codec.Mint(r); err == nil {
			t.Errorf("minted without %s", name)
		}
	}
}

// goldenRefreshMAC was computed with Python's hmac module.
const goldenRefreshMAC = "117554b7653b73085fe238a6d0c7f942cca42fa79ef9ff687eca12b59d9f8b2e"

// The token as bytes: a change would sign everybody out.
func TestRefreshLayout(t *testing.T) {
	t.Parallel()
	user, session := id.ID{15: 1}, id.ID{15: 2}
	token, err := testCodec(t).Mint(Refresh{user, session, 258})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	const want = "01" + "02" + "7332" + "00000000000000000000000000000001" + "00000000000000000000000000000002" + "0000000000000102"
	if got := hex.EncodeToString(raw[:len(raw)-macSize]); got != want {
		t.Errorf("before the MAC: %s\nwant            %s", got, want)
	}
	if got := hex.EncodeToString(raw[len(raw)-macSize:]); got != goldenRefreshMAC {
		t.Errorf("MAC = %s", got)
	}
}

func TestRefreshKeysOfTheSetAreReadAndOthersNot(t *testing.T) {
	t.Parallel()
	r := Refresh{id.New(), id.New(), 7}
	old := NewCodec(mustSet(t, "s1:"+encodedKey(1)), testNow)
	token, err := old.Mint(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := testCodec(t).Parse(token); err != nil || got != r {
		t.Errorf("after adding a key: %+v, %v", got, err)
	}
	for name, keys := range map[string]string{"key removed": "s2:" + encodedKey(2), "same id, other key": "s1:" + encodedKey(9)} {
		if _, err := NewCodec(mustSet(t, keys), testNow).Parse(token); fault.CodeOf(err) != fault.RefreshInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryChangeOfARefreshTokenIsRefused(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	minted, err := codec.Mint(Refresh{id.New(), id.New(), 5})
	if err != nil {
		t.Fatal(err)
	}
	token := minted.Reveal()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(name, changed string) {
		t.Helper()
		got, err := codec.Parse(secret.New(changed))
		if fault.CodeOf(err) != fault.RefreshInvalid || got != (Refresh{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		// Shorter pieces are found in any English sentence.
		if err != nil && len(changed) >= 8 && strings.Contains(err.Error(), changed) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
	for i := range raw {
		for bit := range 8 {
			changed := bytes.Clone(raw)
			changed[i] ^= 1 << bit
			refuse(fmt.Sprintf("byte %d bit %d", i, bit), base64.RawURLEncoding.EncodeToString(changed))
		}
	}
	for n := range token {
		refuse(fmt.Sprintf("first %d characters", n), token[:n])
		refuse(fmt.Sprintf("without the first %d", n+1), token[n+1:])
	}
	for n := range raw {
		refuse(fmt.Sprintf("first %d bytes", n), base64.RawURLEncoding.EncodeToString(raw[:n]))
	}
	refuse("one byte more", base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw), 0)))
	refuse("padding", token+"=")
	refuse("line break", token[:10]+"\n"+token[10:])
	refuse("final line break", token+"\n")
	refuse("standard alphabet", base64.StdEncoding.EncodeToString(raw))
	refuse("long", strings.Repeat("A", 1<<20))
	refuse("key id length 255", base64.RawURLEncoding.EncodeToString(append([]byte{1, 255}, raw[2:]...)))
	refuse("key id length 0", base64.RawURLEncoding.EncodeToString(append([]byte{1, 0}, raw[4:]...)))
	refuse("device cookie", mustMintDevice(t, codec, id.New(), id.New()))
}

// Two forms of one token would be two strings for one session: the last
// character of a token has bits that no byte holds.
func TestNonCanonicalBase64IsRefused(t *testing.T) {
	t.Parallel()
	// A key id of three characters makes 77 bytes, which leave 4 unused bits.
	codec := NewCodec(mustSet(t, "abc:"+encodedKey(1)), testNow)
	minted, err := codec.Mint(Refresh{id.New(), id.New(), 5})
	if err != nil {
		t.Fatal(err)
	}
	token := minted.Reveal()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw)%3 == 0 {
		t.Fatalf("%d bytes leave no unused bits: %v", len(raw), err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	other := token[:len(token)-1] + string(alphabet[strings.IndexByte(alphabet, token[len(token)-1])|1])
	if same, err := base64.RawURLEncoding.DecodeString(other); err != nil || !bytes.Equal(same, raw) {
		t.Fatalf("the other form does not decode to the same bytes: %v", err)
	}
	if _, err := codec.Parse(secret.New(other)); fault.CodeOf(err) != fault.RefreshInvalid {
		t.Errorf("took the other form: %v", err)
	}
}

// A genuine MAC over a body that we never mint is refused too.
func TestAGenuineMACOverNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	key := codec.set.Primary()
	some := id.New()
	for name, c := range map[string]struct {
		version       byte
		user, session id.ID
		generation    uint64
		want          error
	}{
		"as minted":       {signedVersion, some, some, 1, nil},
		"another version": {2, some, some, 1, errSignedForm},
		"no user":         {signedVersion, id.Nil, some, 1, errSignedForm},
		"no session":      {signedVersion, some, id.Nil, 1, errSignedForm},
		"generation 0":    {signedVersion, some, some, 0, errSignedForm},
		"above int64":     {signedVersion, some, some, 1 << 63, errSignedForm},
		"max":             {signedVersion, some, some, math.MaxUint64, errSignedForm},
	} {
		body := binary.BigEndian.AppendUint64(append(append([]byte{}, c.user[:]...), c.session[:]...), c.generation)
		raw := append(append([]byte{c.version, 2}, key.ID()...), body...)
		raw = append(raw, key.RefreshMAC(c.user, c.session, raw)...)
		if _, err := codec.Parse(secret.New(base64.RawURLEncoding.EncodeToString(raw))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRefreshParse(f *testing.F) {
	codec := testCodec(f)
	token, err := codec.Mint(Refresh{id.ID{1}, id.ID{2}, 1})
	if err != nil {
		f.Fatal(err)
	}
	genuine := token.Reveal()
	f.Add(genuine)
	f.Add("")
	f.Add("AQA")
	f.Add(genuine[:40])
	f.Fuzz(func(t *testing.T, token string) {
		r, err := codec.Parse(secret.New(token))
		if (err == nil) != (token == genuine) {
			t.Errorf("%q: %+v, %v", token, r, err)
		}
	})
}

func FuzzRefreshRoundTrip(f *testing.F) {
	codec := testCodec(f)
	f.Add([]byte("0123456789abcdef"), []byte("fedcba9876543210"), int64(1))
	f.Add([]byte("x"), []byte("y"), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, user, session []byte, generation int64) {
		var want Refresh
		copy(want.User[:], user)
		copy(want.Session[:], session)
		want.Generation = generation
		token, err := codec.Mint(want)
		if err != nil {
			return
		}
		if got, err := codec.Parse(token); err != nil || got != want {
			t.Errorf("Parse = %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestRefreshCookies(t *testing.T) {
	t.Parallel()
	token := secret.New("the-token")
	for _, c := range []struct {
		cookie *http.Cookie
		want   string
	}{
		{RefreshCookie(token, true, time.Hour), "__Host-docuvault_refresh=the-token; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"},
		{RefreshCookie(token, false, time.Hour), "docuvault_refresh=the-token; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"},
		{ClearRefreshCookie(true), "__Host-docuvault_refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"},
		{ClearRefreshCookie(false), "docuvault_refresh=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"},
		{DeviceCookie(token, true), "__Host-docuvault_device=the-token; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Strict"},
		{DeviceCookie(token, false), "docuvault_device=the-token; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"},
	} {
		if got := c.cookie.String(); got != c.want {
			t.Errorf("cookie = %s\nwant     %s", got, c.want)
		}
	}
}

func TestNothingPrintsKeyMaterial(t *testing.T) {
	t.Parallel()
	raw := []byte("0123456789abcdefghijklmnopqrstuv")
	set := mustSet(t, "a:"+base64.StdEncoding.EncodeToString(raw))
	signer, codec := NewSigner(set, "", testNow), NewCodec(set, testNow)
	holder := struct {
		signer *Signer
		codec  *Codec
		s      Signer
		c      Codec
	}{signer, codec, *signer, *codec}
	var out strings.Builder
	for _, v := range []any{signer, *signer, codec, *codec, holder, &holder} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, v)
		}
		if encoded, err := json.Marshal(v); err == nil {
			out.Write(encoded)
		}
	}
	for _, planted := range []string{string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), "48 49 50 51", "0x30, 0x31"} {
		if strings.Contains(out.String(), planted) {
			t.Errorf("key material was printed (%q)", planted)
		}
	}
}

func BenchmarkRefreshParse(b *testing.B) {
	codec := testCodec(b)
	token, err := codec.Mint(Refresh{id.New(), id.New(), 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Parse(token); err != nil {
			b.Fatal(err)
		}
	}
}
