// Command bootstrap is the function me-totpenrol as a binary.
package main

import (
	"docuvault/functions/me/totpenrol"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(totpenrol.Function) }
