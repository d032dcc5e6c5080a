// Command bootstrap is the function topics-list as a binary.
package main

import (
	"docuvault/functions/topics/list"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(list.Function) }
