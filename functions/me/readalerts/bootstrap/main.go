// Command bootstrap is the function me-readalerts as a binary.
package main

import (
	"docuvault/functions/me/readalerts"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(readalerts.Function) }
