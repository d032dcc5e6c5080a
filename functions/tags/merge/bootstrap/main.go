// Command bootstrap is the function tags-merge as a binary.
package main

import (
	"docuvault/functions/tags/merge"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(merge.Function) }
