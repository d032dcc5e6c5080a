// Command bootstrap is the function topics-delete as a binary.
package main

import (
	"docuvault/functions/topics/delete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(delete.Function) }
