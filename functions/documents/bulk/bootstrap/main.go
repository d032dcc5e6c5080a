// Command bootstrap is the function documents-bulk as a binary.
package main

import (
	"docuvault/functions/documents/bulk"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(bulk.Function) }
