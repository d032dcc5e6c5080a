// Command bootstrap is the function uploads-complete as a binary.
package main

import (
	"docuvault/functions/uploads/complete"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(complete.Function) }
