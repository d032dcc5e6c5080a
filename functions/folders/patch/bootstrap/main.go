// Command bootstrap is the function folders-patch as a binary.
package main

import (
	"docuvault/functions/folders/patch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(patch.Function) }
