// Command bootstrap is the function documents-restore as a binary.
package main

import (
	"docuvault/functions/documents/restore"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(restore.Function) }
