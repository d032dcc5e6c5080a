package keys

import (
	"crypto/hkdf"
	"crypto/sha256"

	"docuvault/shared/id"
	"docuvault/shared/seal"
)

// Every HKDF call of the project is in this file, and so is every label. A
// label is never changed and never used for a second purpose: what was derived
// with it would be lost, or two uses would share a key.
const (
	// From a master key (MASTER_KEYS), for each user.
	purposeWrap = "wrap data key"

	// From a user's data key.
	purposeSeal   = "seal values"
	purposeLookup = "look up names"
	purposeSearch = "search tokens"
	purposeLearn  = "learned tokens"

	// From a session key (SESSION_KEYS).
	purposeRefresh = "refresh token"
	purposeDevice  = "known device"
)

const (
	application   = "docuvault"
	schemeVersion = "v1"
)

// derive returns 32 bytes for one purpose and one context (RFC 5869, SHA-256).
// There is no salt: every input is 32 uniformly random bytes (section 3.1).
// The info is a list with lengths, so that no two purposes or contexts can
// meet.
func derive(secret *[KeySize]byte, purpose string, context ...id.ID) *[KeySize]byte {
	parts := [][]byte{[]byte(application), []byte(schemeVersion), []byte(purpose)}
	for i := range context {
		parts = append(parts, context[i][:])
	}
	okm, err := hkdfSHA256(secret[:], nil, seal.AppendParts(nil, parts...), KeySize)
	if err != nil {
		// Only a length above 8,160 bytes can fail (section 2.3).
		panic("keys: " + err.Error())
	}
	return (*[KeySize]byte)(okm)
}

func hkdfSHA256(secret, salt, info []byte, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, salt, string(info), length)
}
