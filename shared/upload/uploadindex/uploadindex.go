// Package uploadindex makes a new upload found by what the client says about it.
// It is apart from package upload, which signs downloads too and knows nothing
// of search.
package uploadindex

import (
	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/search"
	"docuvault/shared/upload"
	"docuvault/shared/vault"
)

// Add is an [upload.Index].
func Add(b *database.Batch, u *keys.User, document id.ID, in upload.Request) {
	search.IndexNew(b, u, document, search.Names{
		Filename: new(vault.CleanFilename(in.Filename)), Title: &in.Title, Correspondent: &in.Correspondent, Tags: &in.Tags,
	})
}
