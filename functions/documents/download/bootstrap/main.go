// Command bootstrap is the function documents-download as a binary.
package main

import (
	"docuvault/functions/documents/download"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(download.Function) }
