// Command bootstrap is the function workers-mail as a binary.
package main

import (
	"docuvault/functions/workers/mail"
	"docuvault/shared/host/hostqueue"
)

func main() { hostqueue.Serve(mail.Function) }
