// Command bootstrap is the function workers-analyze as a binary.
package main

import (
	"docuvault/functions/workers/analyze"
	"docuvault/shared/host/hostqueue"
)

func main() { hostqueue.Serve(analyze.Function) }
