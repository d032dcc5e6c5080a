// Code generated from package groups by test/layout. DO NOT EDIT.

// Command admin is a group of functions as one program, for AWS Lambda.
package main

import (
	adminaudit "docuvault/functions/admin/audit"
	adminchange "docuvault/functions/admin/change"
	admininvite "docuvault/functions/admin/invite"
	admininvites "docuvault/functions/admin/invites"
	adminstats "docuvault/functions/admin/stats"
	adminuninvite "docuvault/functions/admin/uninvite"
	adminusers "docuvault/functions/admin/users"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		adminaudit.Function,
		adminchange.Function,
		admininvite.Function,
		admininvites.Function,
		adminstats.Function,
		adminuninvite.Function,
		adminusers.Function,
	)
}
