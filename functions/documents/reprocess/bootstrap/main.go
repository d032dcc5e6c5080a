// Command bootstrap is the function documents-reprocess as a binary.
package main

import (
	"docuvault/functions/documents/reprocess"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(reprocess.Function) }
