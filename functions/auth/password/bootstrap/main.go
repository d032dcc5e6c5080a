// Command bootstrap is the function auth-password as a binary.
package main

import (
	"docuvault/functions/auth/password"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(password.Function) }
