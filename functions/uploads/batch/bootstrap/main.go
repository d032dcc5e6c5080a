// Command bootstrap is the function uploads-batch as a binary.
package main

import (
	"docuvault/functions/uploads/batch"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(batch.Function) }
