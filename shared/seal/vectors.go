//go:build wycheproof

package seal

// OpenVector is the one AEAD call of [Open] with nonce and additional data of
// the caller's choice. It exists only for test/wycheproof, under its build tag:
// who could choose a nonce could repeat one.
func OpenVector(key Key, nonce, additional, body []byte) ([]byte, error) {
	return key.open(nonce, body, additional)
}

// SealVector is the one AEAD call of [Seal]; see [OpenVector].
func SealVector(key Key, nonce, additional, plaintext []byte) []byte {
	return key.seal(nil, nonce, plaintext, additional)
}
