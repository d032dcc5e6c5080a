// Command bootstrap is the function folders-delete as a binary.
package main

import (
	"docuvault/functions/folders/delete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(delete.Function) }
