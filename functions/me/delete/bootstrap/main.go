// Command bootstrap is the function me-delete as a binary.
package main

import (
	"docuvault/functions/me/delete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(delete.Function) }
