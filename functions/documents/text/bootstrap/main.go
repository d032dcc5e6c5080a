// Command bootstrap is the function documents-text as a binary.
package main

import (
	"docuvault/functions/documents/text"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(text.Function) }
