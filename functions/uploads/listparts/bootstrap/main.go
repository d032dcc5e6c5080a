// Command bootstrap is the function uploads-listparts as a binary.
package main

import (
	"docuvault/functions/uploads/listparts"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(listparts.Function) }
