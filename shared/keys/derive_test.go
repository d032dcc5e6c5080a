package keys

import (
	"bytes"
	"encoding/hex"
	"testing"

	"docuvault/shared/id"
)

// RFC 5869, appendix A, the three cases with SHA-256.
func TestRFC5869Vectors(t *testing.T) {
	t.Parallel()
	seq := func(from, n int) string {
		var b []byte
		for i := range n {
			b = append(b, byte(from+i))
		}
		return hex.EncodeToString(b)
	}
	const ikm22 = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
	vectors := []struct {
		name, ikm, salt, info string
		length                int
		okm                   string
	}{
		{"A.1", ikm22, "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"A.2", seq(0x00, 80), seq(0x60, 80), seq(0xb0, 80), 82,
			"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
				"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
				"cc30c58179ec3e87c14c01d5c1f3434f1d87"},
		{"A.3", ikm22, "", "", 42,
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	}
	if len(vectors) != 3 {
		t.Fatal("the corpus is incomplete")
	}
	for _, v := range vectors {
		unhex := func(s string) []byte {
			b, err := hex.DecodeString(s)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		okm, err := hkdfSHA256(unhex(v.ikm), unhex(v.salt), unhex(v.info), v.length)
		if err != nil || !bytes.Equal(okm, unhex(v.okm)) {
			t.Errorf("%s: OKM = %x, %v\nwant %s", v.name, okm, err, v.okm)
		}
	}
}

// The values hold the labels and the encoding of the info fixed: a change
// would make everything sealed so far unreadable. They were computed with
// Python's hmac module.
func TestDerivedKeysStayTheSame(t *testing.T) {
	t.Parallel()
	var master [KeySize]byte
	for i := range master {
		master[i] = byte(i)
	}
	user, session := mustID(t, "01900000-0000-7000-8000-000000000001"), mustID(t, "01900000-0000-7000-8000-000000000002")
	for _, c := range []struct {
		purpose string
		context []id.ID
		want    string
	}{
		{purposeWrap, []id.ID{user}, goldenWrap},
		{purposeSeal, nil, goldenSeal},
		{purposeLookup, nil, goldenLookup},
		{purposeSearch, nil, goldenSearch},
		{purposeLearn, nil, goldenLearn},
		{purposeRefresh, []id.ID{user, session}, goldenRefresh},
		{purposeDevice, []id.ID{user}, goldenDevice},
	} {
		if got := hex.EncodeToString(derive(&master, c.purpose, c.context...)[:]); got != c.want {
			t.Errorf("%s = %s, want %s", c.purpose, got, c.want)
		}
	}
}

func TestDerivedKeysAreAllDifferent(t *testing.T) {
	t.Parallel()
	a, b := id.New(), id.New()
	seen := map[[KeySize]byte]string{}
	for _, master := range []byte{1, 2} {
		m := [KeySize]byte{master}
		for _, purpose := range []string{purposeWrap, purposeSeal, purposeLookup, purposeSearch, purposeLearn, purposeRefresh, purposeDevice} {
			for name, context := range map[string][]id.ID{"none": nil, "a": {a}, "b": {b}, "ab": {a, b}, "ba": {b, a}} {
				key := *derive(&m, purpose, context...)
				here := purpose + " " + name
				if other, ok := seen[key]; ok {
					t.Errorf("%s and %s are the same key", here, other)
				}
				seen[key] = here
			}
		}
	}
}
