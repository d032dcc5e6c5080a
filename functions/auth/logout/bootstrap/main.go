// Command bootstrap is the function auth-logout as a binary.
package main

import (
	"docuvault/functions/auth/logout"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(logout.Function) }
