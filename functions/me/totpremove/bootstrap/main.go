// Command bootstrap is the function me-totpremove as a binary.
package main

import (
	"docuvault/functions/me/totpremove"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(totpremove.Function) }
