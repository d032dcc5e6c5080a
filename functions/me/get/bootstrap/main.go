// Command bootstrap is the function me-get as a binary.
package main

import (
	"docuvault/functions/me/get"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(get.Function) }
