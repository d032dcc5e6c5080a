// Command bootstrap is the function admin-stats as a binary.
package main

import (
	"docuvault/functions/admin/stats"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(stats.Function) }
