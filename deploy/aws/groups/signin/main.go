// Code generated from package groups by test/layout. DO NOT EDIT.

// Command signin is a group of functions as one program, for AWS Lambda.
package main

import (
	authlogin "docuvault/functions/auth/login"
	authrefresh "docuvault/functions/auth/refresh"
	authregister "docuvault/functions/auth/register"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		authlogin.Function,
		authrefresh.Function,
		authregister.Function,
	)
}
