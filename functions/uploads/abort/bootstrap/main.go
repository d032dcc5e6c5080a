// Command bootstrap is the function uploads-abort as a binary.
package main

import (
	"docuvault/functions/uploads/abort"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(abort.Function) }
