//go:build !unix

package pgserver

import (
	"context"
	"io"
	"os/exec"
	"time"
)

// Embedded PostgreSQL needs Unix: elsewhere Start answers ErrUnsupported, and
// what follows is never reached.
const (
	supported       = false
	throwawayPrefix = ""
)

type (
	osUser     struct{}
	folderLock struct{}
	child      struct{ done chan struct{} }
)

func serverUser(string) (*osUser, error)                                    { return nil, ErrUnsupported }
func (*osUser) apply(*exec.Cmd)                                             {}
func (*osUser) own(string) error                                            { return nil }
func (*osUser) admit(context.Context, string, Binaries) error               { return ErrUnsupported }
func lockFolder(string) (*folderLock, error)                                { return nil, ErrUnsupported }
func (*folderLock) unlock()                                                 {}
func (c *child) state() string                                              { return "" }
func (c *child) kill() error                                                { return ErrUnsupported }
func (c *child) stop(context.Context) error                                 { return ErrUnsupported }
func reap(string) (io.Closer, error)                                        { return nil, ErrUnsupported }
func sweep()                                                                {}
func settlePidFile(context.Context, string, time.Duration, io.Writer) error { return ErrUnsupported }
func startChild(string, []string, *osUser, io.Writer) (*child, error) {
	return nil, ErrUnsupported
}
