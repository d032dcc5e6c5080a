// Command bootstrap is the function tags-delete as a binary.
package main

import (
	"docuvault/functions/tags/delete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(delete.Function) }
