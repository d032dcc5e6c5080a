package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"docuvault/shared/keys"
)

// AddMasterKey puts a new random key in front of the folder's master keys and
// returns its id. The vault must not run: it would not know the key that a
// rotation then wraps under.
func (f Folder) AddMasterKey() (added string, err error) {
	if addr, err := f.address(); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return "", errors.Join(fmt.Errorf("the vault on %s runs: stop it first, and start it again with the new key", f.path), conn.Close())
		}
	}
	old, err := f.existing("master-keys")
	if err != nil {
		return "", err
	}
	set, err := keys.ParseSet(f.MasterKeys(), old)
	if err != nil {
		return "", err
	}
	for n := len(set.All()) + 1; ; n++ {
		added = fmt.Sprintf("k%d", n)
		if _, taken := set.Find(added); !taken {
			break
		}
	}
	all, err := keys.Prepend(added, old)
	if err != nil {
		return "", err
	}
	// The file appears whole: until then the old one is there.
	if err := writeOnce(f.MasterKeys(), all); err != nil {
		return "", fmt.Errorf("write %s: %w", f.MasterKeys(), err)
	}
	return added, nil
}
