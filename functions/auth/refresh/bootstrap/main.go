// Command bootstrap is the function auth-refresh as a binary.
package main

import (
	"docuvault/functions/auth/refresh"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(refresh.Function) }
