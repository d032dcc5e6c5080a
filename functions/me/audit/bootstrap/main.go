// Command bootstrap is the function me-audit as a binary.
package main

import (
	"docuvault/functions/me/audit"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(audit.Function) }
