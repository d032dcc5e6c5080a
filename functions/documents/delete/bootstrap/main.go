// Command bootstrap is the function documents-delete as a binary.
package main

import (
	"docuvault/functions/documents/delete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(delete.Function) }
