// Package functions lists every function of the system. Nothing else does:
// the all-in-one server, the generators and the tests that hold template.yaml,
// openapi.yaml and the folders equal all read this slice.
package functions

import (
	adminaudit "docuvault/functions/admin/audit"
	adminchange "docuvault/functions/admin/change"
	admininvite "docuvault/functions/admin/invite"
	admininvites "docuvault/functions/admin/invites"
	adminstats "docuvault/functions/admin/stats"
	adminuninvite "docuvault/functions/admin/uninvite"
	adminusers "docuvault/functions/admin/users"
	authforgot "docuvault/functions/auth/forgot"
	authlogin "docuvault/functions/auth/login"
	authlogout "docuvault/functions/auth/logout"
	authpassword "docuvault/functions/auth/password"
	authreauth "docuvault/functions/auth/reauth"
	authrefresh "docuvault/functions/auth/refresh"
	authregister "docuvault/functions/auth/register"
	authreset "docuvault/functions/auth/reset"
	authrevoke "docuvault/functions/auth/revoke"
	authrevokeothers "docuvault/functions/auth/revokeothers"
	authsessions "docuvault/functions/auth/sessions"
	authverify "docuvault/functions/auth/verify"
	changeslist "docuvault/functions/changes/list"
	documentsbulk "docuvault/functions/documents/bulk"
	documentsdelete "docuvault/functions/documents/delete"
	documentsdownload "docuvault/functions/documents/download"
	documentsget "docuvault/functions/documents/get"
	documentslist "docuvault/functions/documents/list"
	documentspatch "docuvault/functions/documents/patch"
	documentspreview "docuvault/functions/documents/preview"
	documentsreprocess "docuvault/functions/documents/reprocess"
	documentsrestore "docuvault/functions/documents/restore"
	documentssummary "docuvault/functions/documents/summary"
	documentstext "docuvault/functions/documents/text"
	eventsstorage "docuvault/functions/events/storage"
	folderscreate "docuvault/functions/folders/create"
	foldersdelete "docuvault/functions/folders/delete"
	folderslist "docuvault/functions/folders/list"
	folderspatch "docuvault/functions/folders/patch"
	mealerts "docuvault/functions/me/alerts"
	meaudit "docuvault/functions/me/audit"
	mecreatetoken "docuvault/functions/me/createtoken"
	medelete "docuvault/functions/me/delete"
	meexportaudit "docuvault/functions/me/exportaudit"
	meget "docuvault/functions/me/get"
	mepatch "docuvault/functions/me/patch"
	mereadalerts "docuvault/functions/me/readalerts"
	merecoverycodes "docuvault/functions/me/recoverycodes"
	merevoketoken "docuvault/functions/me/revoketoken"
	metokens "docuvault/functions/me/tokens"
	metotp "docuvault/functions/me/totp"
	metotpconfirm "docuvault/functions/me/totpconfirm"
	metotpenrol "docuvault/functions/me/totpenrol"
	metotpremove "docuvault/functions/me/totpremove"
	schedulesreconcile "docuvault/functions/schedules/reconcile"
	schedulesseal "docuvault/functions/schedules/seal"
	searchquery "docuvault/functions/search/query"
	tagsdelete "docuvault/functions/tags/delete"
	tagslist "docuvault/functions/tags/list"
	tagsmerge "docuvault/functions/tags/merge"
	tagspatch "docuvault/functions/tags/patch"
	topicscreate "docuvault/functions/topics/create"
	topicsdelete "docuvault/functions/topics/delete"
	topicslist "docuvault/functions/topics/list"
	topicspatch "docuvault/functions/topics/patch"
	trashempty "docuvault/functions/trash/empty"
	uploadsabort "docuvault/functions/uploads/abort"
	uploadsbatch "docuvault/functions/uploads/batch"
	uploadsbegin "docuvault/functions/uploads/begin"
	uploadscomplete "docuvault/functions/uploads/complete"
	uploadslistparts "docuvault/functions/uploads/listparts"
	uploadsparts "docuvault/functions/uploads/parts"
	wellknownjwks "docuvault/functions/wellknown/jwks"
	workersanalyze "docuvault/functions/workers/analyze"
	workerserase "docuvault/functions/workers/erase"
	workersmail "docuvault/functions/workers/mail"
	workerspurge "docuvault/functions/workers/purge"
	workersuploadcomplete "docuvault/functions/workers/uploadcomplete"
	"docuvault/shared/host"
)

// All are the functions, by name.
var All = []host.Function{
	adminaudit.Function,
	adminchange.Function,
	admininvite.Function,
	admininvites.Function,
	adminstats.Function,
	adminuninvite.Function,
	adminusers.Function,
	authforgot.Function,
	authlogin.Function,
	authlogout.Function,
	authpassword.Function,
	authreauth.Function,
	authrefresh.Function,
	authregister.Function,
	authreset.Function,
	authrevoke.Function,
	authrevokeothers.Function,
	authsessions.Function,
	authverify.Function,
	changeslist.Function,
	documentsbulk.Function,
	documentsdelete.Function,
	documentsdownload.Function,
	documentsget.Function,
	documentslist.Function,
	documentspatch.Function,
	documentspreview.Function,
	documentsreprocess.Function,
	documentsrestore.Function,
	documentssummary.Function,
	documentstext.Function,
	eventsstorage.Function,
	folderscreate.Function,
	foldersdelete.Function,
	folderslist.Function,
	folderspatch.Function,
	mealerts.Function,
	meaudit.Function,
	mecreatetoken.Function,
	medelete.Function,
	meexportaudit.Function,
	meget.Function,
	mepatch.Function,
	mereadalerts.Function,
	merecoverycodes.Function,
	merevoketoken.Function,
	metokens.Function,
	metotp.Function,
	metotpconfirm.Function,
	metotpenrol.Function,
	metotpremove.Function,
	schedulesreconcile.Function,
	schedulesseal.Function,
	searchquery.Function,
	tagsdelete.Function,
	tagslist.Function,
	tagsmerge.Function,
	tagspatch.Function,
	topicscreate.Function,
	topicsdelete.Function,
	topicslist.Function,
	topicspatch.Function,
	trashempty.Function,
	uploadsabort.Function,
	uploadsbatch.Function,
	uploadsbegin.Function,
	uploadscomplete.Function,
	uploadslistparts.Function,
	uploadsparts.Function,
	wellknownjwks.Function,
	workersanalyze.Function,
	workerserase.Function,
	workersmail.Function,
	workerspurge.Function,
	workersuploadcomplete.Function,
}

// HTTP are those that answer a route.
func HTTP() []host.Function { return of("http") }

// Queue are those that consume a queue, which is their Trigger.Source.
func Queue() []host.Function { return of("queue") }

func of(kind string) []host.Function {
	var found []host.Function
	for _, fn := range All {
		if fn.Trigger.Kind() == kind {
			found = append(found, fn)
		}
	}
	return found
}
