// Command bootstrap is the function auth-revoke as a binary.
package main

import (
	"docuvault/functions/auth/revoke"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(revoke.Function) }
