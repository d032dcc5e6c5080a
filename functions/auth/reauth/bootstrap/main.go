// Command bootstrap is the function auth-reauth as a binary.
package main

import (
	"docuvault/functions/auth/reauth"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(reauth.Function) }
