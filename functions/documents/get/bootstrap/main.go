// Command bootstrap is the function documents-get as a binary.
package main

import (
	"docuvault/functions/documents/get"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(get.Function) }
