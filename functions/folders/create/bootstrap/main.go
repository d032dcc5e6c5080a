// Command bootstrap is the function folders-create as a binary.
package main

import (
	"docuvault/functions/folders/create"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(create.Function) }
