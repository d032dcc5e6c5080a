// Command bootstrap is the function auth-login as a binary.
package main

import (
	"docuvault/functions/auth/login"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(login.Function) }
