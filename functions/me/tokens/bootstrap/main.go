// Command bootstrap is the function me-tokens as a binary.
package main

import (
	"docuvault/functions/me/tokens"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(tokens.Function) }
