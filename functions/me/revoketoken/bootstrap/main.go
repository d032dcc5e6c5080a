// Command bootstrap is the function me-revoketoken as a binary.
package main

import (
	"docuvault/functions/me/revoketoken"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(revoketoken.Function) }
