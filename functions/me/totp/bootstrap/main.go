// Command bootstrap is the function me-totp as a binary.
package main

import (
	"docuvault/functions/me/totp"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(totp.Function) }
