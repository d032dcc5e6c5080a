// Command bootstrap is the function search-query as a binary.
package main

import (
	"docuvault/functions/search/query"
	"docuvault/shared/host/hosthttp"
)

func main() { hosthttp.Serve(query.Function) }
