// Command bootstrap is the function me-createtoken as a binary.
package main

import (
	"docuvault/functions/me/createtoken"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(createtoken.Function) }
