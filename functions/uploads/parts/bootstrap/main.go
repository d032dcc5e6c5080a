// Command bootstrap is the function uploads-parts as a binary.
package main

import (
	"docuvault/functions/uploads/parts"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(parts.Function) }
