// Command bootstrap is the function workers-uploadcomplete as a binary.
package main

import (
	"docuvault/functions/workers/uploadcomplete"
	"docuvault/shared/host/hostqueue"
)

func main() { hostqueue.Serve(uploadcomplete.Function) }
