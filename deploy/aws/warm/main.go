// Command warm compiles the WebAssembly that the analysis runs, and leaves the
// machine code in the user's cache folder (XDG_CACHE_HOME), from where an image
// takes it: compiling at each cold start takes seconds and 300 MB. The code is for
// the processor that this runs on, so it runs where the image will.
package main

import (
	"context"
	"errors"
	"time"

	"docuvault/shared/extract"
	"docuvault/shared/host"
	"docuvault/shared/picture"
)

func main() { host.Main(func(context.Context, *host.Env) error { return warm() }) }

// warm opens what the analysis opens.
func warm() (err error) {
	extractor, err := extract.New(extract.DefaultLimits, "", nil, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, extractor.Close()) }()
	if extractor.Compilation() == nil {
		return errors.New("the cache folder cannot be written")
	}
	studio, err := picture.New(extractor.Compilation())
	if err != nil {
		return err
	}
	return studio.Close()
}
