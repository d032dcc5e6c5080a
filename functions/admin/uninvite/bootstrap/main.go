// Command bootstrap is the function admin-uninvite as a binary.
package main

import (
	"docuvault/functions/admin/uninvite"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(uninvite.Function) }
