// Command bootstrap is the function schedules-reconcile as a binary.
package main

import (
	"docuvault/functions/schedules/reconcile"
	"docuvault/shared/host/hostschedule"
)

func main() { hostschedule.Serve(reconcile.Function) }
