// Command bootstrap is the function admin-invites as a binary.
package main

import (
	"docuvault/functions/admin/invites"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(invites.Function) }
