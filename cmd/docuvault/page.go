package main

import (
	_ "embed"
	"net/http"

	"docuvault/shared/host"
	"docuvault/shared/storage"
	"docuvault/web"
)

// plainHTML says how to get the page, in a binary that was built without it.
//
//go:embed page.html
var plainHTML []byte

// withPage serves the web page at its own paths, and all else from api.
func withPage(env *host.Env, api http.Handler) (http.Handler, error) {
	build := web.Built()
	if build == nil {
		return withPlainPage(api), nil
	}
	origins, err := storage.Origins(env)
	if err != nil {
		return nil, err
	}
	return web.New(build, api, origins...)
}

// withPlainPage serves the one plain page at "/".
func withPlainPage(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			api.ServeHTTP(w, r)
			return
		}
		// The server has set the headers for safety: there is no script, style or
		// image in the page.
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(plainHTML)
	})
}
