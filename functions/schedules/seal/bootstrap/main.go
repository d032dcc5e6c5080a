// Command bootstrap is the function schedules-seal as a binary.
package main

import (
	"docuvault/functions/schedules/seal"
	"docuvault/shared/host/hostschedule"
)

func main() { hostschedule.Serve(seal.Function) }
