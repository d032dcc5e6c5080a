// Command bootstrap is the function admin-users as a binary.
package main

import (
	"docuvault/functions/admin/users"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(users.Function) }
