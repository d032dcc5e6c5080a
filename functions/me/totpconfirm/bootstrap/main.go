// Command bootstrap is the function me-totpconfirm as a binary.
package main

import (
	"docuvault/functions/me/totpconfirm"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(totpconfirm.Function) }
