// Command bootstrap is the function trash-empty as a binary.
package main

import (
	"docuvault/functions/trash/empty"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(empty.Function) }
