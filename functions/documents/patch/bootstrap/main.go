// Command bootstrap is the function documents-patch as a binary.
package main

import (
	"docuvault/functions/documents/patch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(patch.Function) }
