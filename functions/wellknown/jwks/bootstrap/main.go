// Command bootstrap is the function wellknown-jwks as a binary.
package main

import (
	"docuvault/functions/wellknown/jwks"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(jwks.Function) }
