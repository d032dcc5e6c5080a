// Command bootstrap is the function folders-list as a binary.
package main

import (
	"docuvault/functions/folders/list"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(list.Function) }
