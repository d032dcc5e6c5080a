// Command bootstrap is the function auth-revokeothers as a binary.
package main

import (
	"docuvault/functions/auth/revokeothers"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(revokeothers.Function) }
