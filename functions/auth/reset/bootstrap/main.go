// Command bootstrap is the function auth-reset as a binary.
package main

import (
	"docuvault/functions/auth/reset"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(reset.Function) }
