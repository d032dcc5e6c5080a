// Command bootstrap is the function auth-register as a binary.
package main

import (
	"docuvault/functions/auth/register"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(register.Function) }
