// Package functions lists every function of the system. Nothing else does:
// the all-in-one server, the generators and the tests that hold template.yaml,
// openapi.yaml and the folders equal all read this slice.
package functions

import (
	documentsdelete "docuvault/functions/documents/delete"
	documentsdownload "docuvault/functions/documents/download"
	documentsget "docuvault/functions/documents/get"
	documentslist "docuvault/functions/documents/list"
	documentspatch "docuvault/functions/documents/patch"
	documentsreprocess "docuvault/functions/documents/reprocess"
	documentsrestore "docuvault/functions/documents/restore"
	documentstext "docuvault/functions/documents/text"
	eventsstorage "docuvault/functions/events/storage"
	schedulesreconcile "docuvault/functions/schedules/reconcile"
	uploadsabort "docuvault/functions/uploads/abort"
	uploadsbegin "docuvault/functions/uploads/begin"
	uploadscomplete "docuvault/functions/uploads/complete"
	workersanalyze "docuvault/functions/workers/analyze"
	workerspurge "docuvault/functions/workers/purge"
	workersuploadcomplete "docuvault/functions/workers/uploadcomplete"
	"docuvault/shared/host"
)

// All are the functions, by name.
var All = []host.Function{
	documentsdelete.Function,
	documentsdownload.Function,
	documentsget.Function,
	documentslist.Function,
	documentspatch.Function,
	documentsreprocess.Function,
	documentsrestore.Function,
	documentstext.Function,
	eventsstorage.Function,
	schedulesreconcile.Function,
	uploadsabort.Function,
	uploadsbegin.Function,
	uploadscomplete.Function,
	workersanalyze.Function,
	workerspurge.Function,
	workersuploadcomplete.Function,
}

// HTTP are those that answer a route.
func HTTP() []host.Function {
	var routes []host.Function
	for _, fn := range All {
		if fn.Trigger.Kind() == "http" {
			routes = append(routes, fn)
		}
	}
	return routes
}
