//go:build !web

package web

import "io/fs"

// Built returns the build of the page that is in this binary, nil if none is:
// the tag "web", which make sets, puts it there.
func Built() fs.FS { return nil }
