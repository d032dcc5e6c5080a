//go:build wycheproof

package keys

// HKDFVector is the one HKDF call of this package with every input of the
// caller's choice. It exists only for test/wycheproof, under its build tag.
func HKDFVector(secret, salt, info []byte, length int) ([]byte, error) {
	return hkdfSHA256(secret, salt, info, length)
}
