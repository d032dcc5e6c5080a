// Code generated from package groups by test/layout. DO NOT EDIT.

// Command me is a group of functions as one program, for AWS Lambda.
package main

import (
	authreauth "docuvault/functions/auth/reauth"
	mealerts "docuvault/functions/me/alerts"
	meaudit "docuvault/functions/me/audit"
	mecreatetoken "docuvault/functions/me/createtoken"
	medelete "docuvault/functions/me/delete"
	meexportaudit "docuvault/functions/me/exportaudit"
	meget "docuvault/functions/me/get"
	mepatch "docuvault/functions/me/patch"
	mereadalerts "docuvault/functions/me/readalerts"
	merecoverycodes "docuvault/functions/me/recoverycodes"
	merevoketoken "docuvault/functions/me/revoketoken"
	metokens "docuvault/functions/me/tokens"
	metotp "docuvault/functions/me/totp"
	metotpconfirm "docuvault/functions/me/totpconfirm"
	metotpenrol "docuvault/functions/me/totpenrol"
	metotpremove "docuvault/functions/me/totpremove"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		authreauth.Function,
		mealerts.Function,
		meaudit.Function,
		mecreatetoken.Function,
		medelete.Function,
		meexportaudit.Function,
		meget.Function,
		mepatch.Function,
		mereadalerts.Function,
		merecoverycodes.Function,
		merevoketoken.Function,
		metokens.Function,
		metotp.Function,
		metotpconfirm.Function,
		metotpenrol.Function,
		metotpremove.Function,
	)
}
