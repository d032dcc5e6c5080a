// Code generated from package groups by test/layout. DO NOT EDIT.

// Command uploads is a group of functions as one program, for AWS Lambda.
package main

import (
	uploadsabort "docuvault/functions/uploads/abort"
	uploadsbatch "docuvault/functions/uploads/batch"
	uploadsbegin "docuvault/functions/uploads/begin"
	uploadscomplete "docuvault/functions/uploads/complete"
	uploadslistparts "docuvault/functions/uploads/listparts"
	uploadsparts "docuvault/functions/uploads/parts"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		uploadsabort.Function,
		uploadsbatch.Function,
		uploadsbegin.Function,
		uploadscomplete.Function,
		uploadslistparts.Function,
		uploadsparts.Function,
	)
}
