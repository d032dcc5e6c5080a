// Command bootstrap is the function auth-sessions as a binary.
package main

import (
	"docuvault/functions/auth/sessions"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(sessions.Function) }
