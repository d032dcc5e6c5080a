// Command bootstrap is the function topics-create as a binary.
package main

import (
	"docuvault/functions/topics/create"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(create.Function) }
