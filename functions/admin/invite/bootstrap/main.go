// Command bootstrap is the function admin-invite as a binary.
package main

import (
	"docuvault/functions/admin/invite"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(invite.Function) }
