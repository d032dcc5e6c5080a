// Code generated from package groups by test/layout. DO NOT EDIT.

// Command auth is a group of functions as one program, for AWS Lambda.
package main

import (
	authforgot "docuvault/functions/auth/forgot"
	authlogout "docuvault/functions/auth/logout"
	authpassword "docuvault/functions/auth/password"
	authreset "docuvault/functions/auth/reset"
	authrevoke "docuvault/functions/auth/revoke"
	authrevokeothers "docuvault/functions/auth/revokeothers"
	authsessions "docuvault/functions/auth/sessions"
	authverify "docuvault/functions/auth/verify"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		authforgot.Function,
		authlogout.Function,
		authpassword.Function,
		authreset.Function,
		authrevoke.Function,
		authrevokeothers.Function,
		authsessions.Function,
		authverify.Function,
	)
}
