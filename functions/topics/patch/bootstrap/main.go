// Command bootstrap is the function topics-patch as a binary.
package main

import (
	"docuvault/functions/topics/patch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(patch.Function) }
