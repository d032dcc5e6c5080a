// Command bootstrap is the function admin-audit as a binary.
package main

import (
	"docuvault/functions/admin/audit"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(audit.Function) }
