package account

import "crypto/sha256"

// InviteHash is what the vault keeps of an invite's token: 256 random bits
// need no slower hash.
func InviteHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
