// Command bootstrap is the function workers-purge as a binary.
package main

import (
	"docuvault/functions/workers/purge"
	"docuvault/shared/host/hostqueue"
)

func main() { hostqueue.Serve(purge.Function) }
