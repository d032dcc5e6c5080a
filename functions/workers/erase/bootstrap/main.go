// Command bootstrap is the function workers-erase as a binary.
package main

import (
	"docuvault/functions/workers/erase"
	"docuvault/shared/host/hostqueue"
)

func main() { hostqueue.Serve(erase.Function) }
