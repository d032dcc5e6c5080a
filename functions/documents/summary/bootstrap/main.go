// Command bootstrap is the function documents-summary as a binary.
package main

import (
	"docuvault/functions/documents/summary"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(summary.Function) }
