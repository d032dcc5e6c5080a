// Code generated from package groups by test/layout. DO NOT EDIT.

// Command documents is a group of functions as one program, for AWS Lambda.
package main

import (
	changeslist "docuvault/functions/changes/list"
	documentsbulk "docuvault/functions/documents/bulk"
	documentsdelete "docuvault/functions/documents/delete"
	documentsdownload "docuvault/functions/documents/download"
	documentsget "docuvault/functions/documents/get"
	documentslist "docuvault/functions/documents/list"
	documentspatch "docuvault/functions/documents/patch"
	documentspreview "docuvault/functions/documents/preview"
	documentsreprocess "docuvault/functions/documents/reprocess"
	documentsrestore "docuvault/functions/documents/restore"
	documentssummary "docuvault/functions/documents/summary"
	documentstext "docuvault/functions/documents/text"
	searchquery "docuvault/functions/search/query"
	trashempty "docuvault/functions/trash/empty"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		changeslist.Function,
		documentsbulk.Function,
		documentsdelete.Function,
		documentsdownload.Function,
		documentsget.Function,
		documentslist.Function,
		documentspatch.Function,
		documentspreview.Function,
		documentsreprocess.Function,
		documentsrestore.Function,
		documentssummary.Function,
		documentstext.Function,
		searchquery.Function,
		trashempty.Function,
	)
}
