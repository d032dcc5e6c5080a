// Command bootstrap is the function documents-preview as a binary.
package main

import (
	"docuvault/functions/documents/preview"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(preview.Function) }
