// Command bootstrap is the function me-alerts as a binary.
package main

import (
	"docuvault/functions/me/alerts"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(alerts.Function) }
