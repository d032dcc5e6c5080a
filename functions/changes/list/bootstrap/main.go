// Command bootstrap is the function changes-list as a binary.
package main

import (
	"docuvault/functions/changes/list"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(list.Function) }
