// Command bootstrap is the function me-patch as a binary.
package main

import (
	"docuvault/functions/me/patch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(patch.Function) }
