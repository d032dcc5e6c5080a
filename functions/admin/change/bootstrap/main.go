// Command bootstrap is the function admin-change as a binary.
package main

import (
	"docuvault/functions/admin/change"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(change.Function) }
