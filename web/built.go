//go:build web

package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Built returns the build of the page that is in this binary, nil if none is:
// the tag "web", which make sets, puts it there.
func Built() fs.FS {
	build, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil
	}
	return build
}
