// Command bootstrap is the function uploads-begin as a binary.
package main

import (
	"docuvault/functions/uploads/begin"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(begin.Function) }
