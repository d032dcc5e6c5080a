// Command bootstrap is the function auth-forgot as a binary.
package main

import (
	"docuvault/functions/auth/forgot"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(forgot.Function) }
