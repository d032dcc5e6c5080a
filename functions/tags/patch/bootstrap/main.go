// Command bootstrap is the function tags-patch as a binary.
package main

import (
	"docuvault/functions/tags/patch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(patch.Function) }
