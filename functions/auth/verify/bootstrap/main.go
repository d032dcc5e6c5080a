// Command bootstrap is the function auth-verify as a binary.
package main

import (
	"docuvault/functions/auth/verify"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(verify.Function) }
