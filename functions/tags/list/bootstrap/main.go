// Command bootstrap is the function tags-list as a binary.
package main

import (
	"docuvault/functions/tags/list"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(list.Function) }
