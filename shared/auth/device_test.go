package auth

import (
	"encoding/base64"
	"testing"
	"time"

	"docuvault/shared/id"
	"docuvault/shared/secret"
)

func mustMintDevice(t testing.TB, codec *Codec, user, device id.ID) string {
	t.Helper()
	token, err := codec.MintDevice(user, device)
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func TestDeviceCookieIsKnownForAYear(t *testing.T) {
	t.Parallel()
	now := testTime
	codec := NewCodec(mustSet(t, "s1:"+encodedKey(1)), func() time.Time { return now })
	user, device := id.New(), id.New()
	token := secret.New(mustMintDevice(t, codec, user, device))
	for _, c := range []struct {
		after time.Duration
		known bool
	}{
		{0, true}, {-30 * time.Second, true}, {-31 * time.Second, false}, {DeviceTTL - time.Second, true}, {DeviceTTL, false},
	} {
		now = testTime.Add(c.after)
		got, ok := codec.ParseDevice(token)
		if ok != c.known {
			t.Errorf("after %v: known = %v", c.after, ok)
		}
		if want := (Device{user, device, testTime}); ok && got != want || !ok && got != (Device{}) {
			t.Errorf("after %v: %+v", c.after, got)
		}
	}
	if _, err := codec.MintDevice(id.Nil, device); err == nil {
		t.Error("minted without user")
	}
	if _, err := codec.MintDevice(user, id.Nil); err == nil {
		t.Error("minted without device")
	}
}

func TestChangedDeviceCookiesAreStrangers(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	token := mustMintDevice(t, codec, id.New(), id.New())
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if _, ok := codec.ParseDevice(secret.New(base64.RawURLEncoding.EncodeToString(raw))); ok {
				t.Fatalf("byte %d bit %d: known", i, bit)
			}
			raw[i] ^= 1 << bit
		}
	}
	for n := range token {
		if _, ok := codec.ParseDevice(secret.New(token[:n])); ok {
			t.Errorf("first %d characters: known", n)
		}
	}
	// A refresh token has the same length; its key is for another purpose.
	if _, ok := codec.ParseDevice(secret.New(mustMint(t))); ok {
		t.Error("a refresh token is a known device")
	}
}
