// Package objectkey is the form of an object's key in the bucket.
package objectkey

import (
	"path"
	"strings"

	"github.com/google/uuid"

	"docuvault/shared/id"
	"docuvault/shared/vault"
)

// extensions are those that may show in an object key. They help whoever looks
// into a bucket, and tell nothing about a person.
var extensions = map[string]bool{
	".pdf": true, ".txt": true, ".md": true, ".html": true, ".htm": true, ".csv": true, ".eml": true, ".rtf": true,
	".doc": true, ".docx": true, ".odt": true, ".xls": true, ".xlsx": true, ".ods": true, ".ppt": true, ".pptx": true, ".odp": true,
	".png": true, ".jpg": true, ".jpeg": true, ".gif": true, ".webp": true, ".tif": true, ".tiff": true, ".heic": true, ".svg": true,
	".json": true, ".xml": true, ".zip": true, ".epub": true,
}

// Key is the one place that builds an object key:
// {user_id}/{document_id}/{uuid4}{ext}. Of the file name only a known extension
// passes through; else it is ".bin". The random part makes a key unguessable
// for whoever knows the ids.
func Key(user, document id.ID, filename string) string {
	ext := strings.ToLower(path.Ext(vault.CleanFilename(filename)))
	if !extensions[ext] {
		ext = ".bin"
	}
	return user.String() + "/" + document.String() + "/" + uuid.NewString() + ext
}

// Owner reads user and document out of an object key; false for a key that
// [Key] did not make.
func Owner(key string) (user, document id.ID, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return id.Nil, id.Nil, false
	}
	user, errUser := id.Parse(parts[0])
	document, errDocument := id.Parse(parts[1])
	return user, document, errUser == nil && errDocument == nil
}
