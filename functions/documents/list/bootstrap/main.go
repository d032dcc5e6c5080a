// Command bootstrap is the function documents-list as a binary.
package main

import (
	"docuvault/functions/documents/list"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(list.Function) }
