//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// osUser is who the server runs as. The zero value is this process's own user.
type osUser struct {
	switched bool
	name     string
	uid, gid uint32
}

// serverUser picks the user. Only root has to switch: PostgreSQL refuses it.
func serverUser(data string) (*osUser, error) {
	if os.Geteuid() != 0 {
		return &osUser{}, nil
	}
	if info, err := os.Stat(data); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			u := &osUser{true, "uid " + strconv.Itoa(int(stat.Uid)), stat.Uid, stat.Gid}
			if found, err := user.LookupId(strconv.Itoa(int(stat.Uid))); err == nil {
				u.name = found.Username
			}
			return u, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
		if errors.Join(err1, err2) == nil && uid != 0 {
			return &osUser{true, name, uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and this machine has no user postgres or nobody: start as another user")
}

// apply makes a command run as the user, in a folder that every user can enter
// and with no more environment than it needs.
func (u *osUser) apply(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=/"}
	if u.switched {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.uid, Gid: u.gid}
	}
}

// own gives a file to the user.
func (u *osUser) own(path string) error {
	if !u.switched {
		return nil
	}
	return os.Chown(path, int(u.uid), int(u.gid))
}

// admit makes sure that the user can enter the server's folder and run the
// programs.
func (u *osUser) admit(ctx context.Context, dir string, b Binaries) error {
	if !u.switched {
		return nil
	}
	// The folder itself stays root's; the user may pass through it to the
	// data, which is the user's own.
	if err := os.Chmod(dir, 0o711); err != nil {
		return fmt.Errorf("open PostgreSQL's folder to its user: %w", err)
	}
	try := func(from string) error {
		cmd := exec.CommandContext(ctx, b.program("postgres"), "--version")
		u.apply(cmd)
		cmd.Dir = from
		return errors.Join(cmd.Run(), ctx.Err())
	}
	if err := try("/"); err != nil {
		return fmt.Errorf("the database's user %s cannot run %s%s: %w", u.name, b.program("postgres"), u.obstacle(b.Dir), err)
	}
	if err := try(dir); ctx.Err() != nil {
		return err
	} else if err != nil {
		return fmt.Errorf("the folder %s cannot be entered by the database's user %s%s: choose another folder, such as /var/lib/docuvault", dir, u.name, u.obstacle(dir))
	}
	return nil
}

// obstacle names the folder on the way that is closed to the user.
func (u *osUser) obstacle(path string) string {
	var closed string
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		if info, err := os.Stat(p); err == nil {
			stat, ok := info.Sys().(*syscall.Stat_t)
			bit := os.FileMode(0o001)
			if ok && stat.Uid == u.uid {
				bit = 0o100
			} else if ok && stat.Gid == u.gid {
				bit = 0o010
			}
			if info.Mode().Perm()&bit == 0 {
				closed = p
			}
		}
		if p == filepath.Dir(p) {
			break
		}
	}
	if closed == "" {
		return ""
	}
	return " (" + closed + " is closed to it)"
}
