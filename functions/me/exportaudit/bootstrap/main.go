// Command bootstrap is the function me-exportaudit as a binary.
package main

import (
	"docuvault/functions/me/exportaudit"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(exportaudit.Function) }
