// Code generated from package groups by test/layout. DO NOT EDIT.

// Command library is a group of functions as one program, for AWS Lambda.
package main

import (
	folderscreate "docuvault/functions/folders/create"
	foldersdelete "docuvault/functions/folders/delete"
	folderslist "docuvault/functions/folders/list"
	folderspatch "docuvault/functions/folders/patch"
	tagsdelete "docuvault/functions/tags/delete"
	tagslist "docuvault/functions/tags/list"
	tagsmerge "docuvault/functions/tags/merge"
	tagspatch "docuvault/functions/tags/patch"
	topicscreate "docuvault/functions/topics/create"
	topicsdelete "docuvault/functions/topics/delete"
	topicslist "docuvault/functions/topics/list"
	topicspatch "docuvault/functions/topics/patch"
	"docuvault/shared/host/hosthttp"
)

func main() {
	hosthttp.Serve(
		folderscreate.Function,
		foldersdelete.Function,
		folderslist.Function,
		folderspatch.Function,
		tagsdelete.Function,
		tagslist.Function,
		tagsmerge.Function,
		tagspatch.Function,
		topicscreate.Function,
		topicsdelete.Function,
		topicslist.Function,
		topicspatch.Function,
	)
}
