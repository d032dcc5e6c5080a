// Command bootstrap is the function me-recoverycodes as a binary.
package main

import (
	"docuvault/functions/me/recoverycodes"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(recoverycodes.Function) }
