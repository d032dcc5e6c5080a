// Command bootstrap is the function events-storage as a binary.
package main

import (
	"docuvault/functions/events/storage"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(storage.Function) }
