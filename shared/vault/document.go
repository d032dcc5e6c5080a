package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// Status is where a document stands.
type Status string

// The statuses; documents_guard in the schema has the picture of what may
// follow what.
const (
	Pending    Status = "pending"    // begun, the bytes are not there yet
	Stored     Status = "stored"     // the bytes are there and right
	Processing Status = "processing" // a worker reads it
	Ready      Status = "ready"      // read, or of a type that has no text
	Failed     Status = "failed"     // the analysis failed; the document is fine
	Rejected   Status = "rejected"   // the bytes were not the announced ones, and were deleted
	Expired    Status = "expired"    // the upload was aborted or never came
	Trashed    Status = "trashed"    // in the trash
	Purging    Status = "purging"    // being deleted for good
)

// AnyStatus are all in which a document can be listed.
func AnyStatus() []Status {
	return []Status{Pending, Stored, Processing, Ready, Failed, Rejected, Expired, Trashed}
}

// MaxAttempts is how often a document's analysis is begun before it counts as
// failed. Attempts that an outage ended do not count.
const MaxAttempts = 5

// FailureAnalysis is the failure of a document whose analysis was begun
// MaxAttempts times and never came to an end.
const FailureAnalysis = "analysis_failed"

// Document is a document as its owner sees it.
type Document struct {
	ID          id.ID  `json:"id" format:"uuid"`
	Filename    string `json:"filename" doc:"The name it was uploaded under, cleaned: NFC, at most 255 characters."`
	Title       string `json:"title" doc:"What the user or the analysis calls it; empty if neither does."`
	Size        int64  `json:"size" doc:"Bytes."`
	ContentType string `json:"content_type" doc:"The type the client announced."`
	SniffedType string `json:"sniffed_type,omitempty" doc:"The type its bytes show, once they were read; it decides how it is served."`
	SHA256      string `json:"sha256" doc:"Hash of the bytes as stored, hexadecimal."`
	Status      Status `json:"status" enum:"pending,stored,processing,ready,failed,rejected,expired,trashed,purging"`
	Failure     string `json:"failure,omitempty" doc:"Why the analysis failed or the bytes were rejected: a code."`

	Topic       string       `json:"topic,omitempty"`
	TopicSource string       `json:"topic_source,omitempty" enum:"user,local,openai,anthropic" doc:"Who set the topic."`
	Suggestions []Suggestion `json:"suggestions" doc:"What the analysis proposes; it never overwrites what a person set."`
	Tags        []string     `json:"tags"`

	Correspondent string `json:"correspondent,omitempty"`
	Notes         string `json:"notes,omitempty"`
	Reference     string `json:"reference,omitempty"`
	DocumentDate  *Date  `json:"document_date,omitempty" doc:"The date on the paper."`
	FolderID      *id.ID `json:"folder_id,omitempty" format:"uuid"`

	PageCount          *int       `json:"page_count,omitempty"`
	Language           string     `json:"language,omitempty" doc:"ISO 639-1; absent when unsure."`
	OriginalModifiedAt *time.Time `json:"original_modified_at,omitempty" doc:"When the file was last changed, as its owner's machine said."`
	CreatedAt          time.Time  `json:"created_at"`
	UpdatedAt          time.Time  `json:"updated_at"`
	TrashedAt          *time.Time `json:"trashed_at,omitempty" doc:"Of a document in the trash: since when."`
	PurgeAt            *time.Time `json:"purge_at,omitempty" doc:"Of a document in the trash: when it is deleted for good, or soon after."`
	Version            int64      `json:"version" doc:"Grows with each change; send it as If-Match to change only what you saw."`

	Preview *Preview `json:"preview,omitempty" doc:"A small picture of its first page, where there is one; only reading, listing and searching tell. It appears after the document does, without a new version."`

	preview []string // key, width, height of the small picture
}

// Blind is the document for a caller who may add and not read: what whoever
// has the bytes knows anyway, its state and its times.
func (d Document) Blind() Document {
	return Document{
		ID: d.ID, Size: d.Size, SHA256: d.SHA256, Status: d.Status, Suggestions: []Suggestion{}, Tags: []string{},
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Version: d.Version,
	}
}

// Preview is a picture of a document's first page.
type Preview struct {
	URL       string    `json:"url" format:"uri" doc:"A WebP in storage. Keep it secret until it expires; for some minutes it is the same one, so that a browser's cache works."`
	Width     int       `json:"width" doc:"Pixels."`
	Height    int       `json:"height" doc:"Pixels."`
	ExpiresAt time.Time `json:"expires_at"`
}

// PreviewKey is the object of the small picture; "" where there is none.
func (d *Document) PreviewKey() string {
	if len(d.preview) != 3 {
		return ""
	}
	return d.preview[0]
}

// ShowPreview puts the URL in which somebody signed [Document.PreviewKey].
func (d *Document) ShowPreview(url string, expires time.Time) {
	width, _ := strconv.Atoi(d.preview[1]) // integers of the database
	height, _ := strconv.Atoi(d.preview[2])
	d.Preview = &Preview{URL: url, Width: width, Height: height, ExpiresAt: expires}
}

// Suggestion is a proposal of the analysis.
type Suggestion struct {
	Kind       string     `json:"kind" doc:"What it is about: topic, title, correspondent, document_date."`
	Value      string     `json:"value"`
	Confidence float64    `json:"confidence" minimum:"0" maximum:"1"`
	Source     string     `json:"source" doc:"Which provider says so."`
	Evidence   []Evidence `json:"evidence" doc:"The words in the text that decided it."`
}

// Evidence is a word of the document's text that spoke for a suggestion.
type Evidence struct {
	Word    string  `json:"word"`
	Weight  float64 `json:"weight" minimum:"0" maximum:"1" doc:"Its share of what spoke for the suggestion."`
	Learned bool    `json:"learned,omitempty" doc:"True when it comes from your own corrections."`
}

// Sealed columns of table documents.
const (
	table            = "documents"
	colFilename      = "filename_sealed"
	colTitle         = "title_sealed"
	colCorrespondent = "correspondent_sealed"
	colNotes         = "notes_sealed"
	colReference     = "reference_sealed"
	colSuggestions   = "suggestions_sealed"
)

// columns selects what scan reads, from documents d.
const columns = ` d.id, d.status, coalesce(d.failure, ''), d.size, d.sha256, d.content_type, coalesce(d.sniffed_type, ''),
  d.filename_sealed, d.title_sealed, d.correspondent_sealed, d.notes_sealed, d.reference_sealed, d.suggestions_sealed,
  d.folder_id, d.topic_id, (SELECT t.name_sealed FROM topics t WHERE t.id = d.topic_id), coalesce(d.topic_source, ''),
  ARRAY(SELECT g.id FROM document_tags x JOIN tags g ON g.id = x.tag_id WHERE x.document_id = d.id ORDER BY g.created_at, g.id),
  ARRAY(SELECT g.name_sealed FROM document_tags x JOIN tags g ON g.id = x.tag_id WHERE x.document_id = d.id ORDER BY g.created_at, g.id),
  d.document_date, d.page_count, coalesce(d.language, ''), d.original_modified_at, d.created_at, d.updated_at, d.version,
  d.trashed_at, CASE d.status WHEN 'trashed' THEN d.next_due_at END,
  (SELECT ARRAY[p.small_key, p.small_width::text, p.small_height::text] FROM previews p WHERE p.document_id = d.id AND p.made_at IS NOT NULL) `

// row is a document as the database has it.
type row struct {
	doc                                                           Document
	sha                                                           []byte
	filename, title, correspondent, notes, reference, suggestions []byte
	folder, topicID                                               id.ID
	topicName                                                     []byte
	tagIDs                                                        []id.ID
	tagNames                                                      [][]byte
	documentDate                                                  *time.Time
}

func (r *row) fields() []any {
	d := &r.doc
	return []any{
		&d.ID, &d.Status, &d.Failure, &d.Size, &r.sha, &d.ContentType, &d.SniffedType,
		&r.filename, &r.title, &r.correspondent, &r.notes, &r.reference, &r.suggestions,
		&r.folder, &r.topicID, &r.topicName, &d.TopicSource,
		&r.tagIDs, &r.tagNames,
		&r.documentDate, &d.PageCount, &d.Language, &d.OriginalModifiedAt, &d.CreatedAt, &d.UpdatedAt, &d.Version,
		&d.TrashedAt, &d.PurgeAt, &d.preview,
	}
}

// open makes the row readable with its owner's keys.
func (r *row) open(u *keys.User) (Document, error) {
	d := r.doc
	d.SHA256 = hex.EncodeToString(r.sha)
	if !r.folder.IsNil() {
		d.FolderID = &r.folder
	}
	if r.documentDate != nil {
		date := DateOf(*r.documentDate)
		d.DocumentDate = &date
	}
	for _, f := range []struct {
		column string
		sealed []byte
		into   *string
	}{
		{colFilename, r.filename, &d.Filename}, {colTitle, r.title, &d.Title},
		{colCorrespondent, r.correspondent, &d.Correspondent}, {colNotes, r.notes, &d.Notes},
		{colReference, r.reference, &d.Reference},
	} {
		if f.sealed == nil {
			continue
		}
		plain, err := u.Open(table, f.column, d.ID, f.sealed)
		if err != nil {
			return Document{}, fmt.Errorf("document %s: %w", d.ID, err)
		}
		*f.into = string(plain)
	}
	if r.topicName != nil {
		name, err := u.Open("topics", "name_sealed", r.topicID, r.topicName)
		if err != nil {
			return Document{}, fmt.Errorf("topic %s: %w", r.topicID, err)
		}
		d.Topic = string(name)
	}
	d.Tags = make([]string, len(r.tagIDs))
	for i, tag := range r.tagIDs {
		name, err := u.Open("tags", "name_sealed", tag, r.tagNames[i])
		if err != nil {
			return Document{}, fmt.Errorf("tag %s: %w", tag, err)
		}
		d.Tags[i] = string(name)
	}
	d.Suggestions = []Suggestion{}
	if r.suggestions != nil {
		plain, err := u.Open(table, colSuggestions, d.ID, r.suggestions)
		if err != nil {
			return Document{}, fmt.Errorf("document %s: %w", d.ID, err)
		}
		if err := json.Unmarshal(plain, &d.Suggestions); err != nil {
			return Document{}, fmt.Errorf("suggestions of document %s: %w", d.ID, err)
		}
	}
	return d, nil
}

// ErrNoDocument is the one answer for an id that is unknown, deleted, or
// another user's.
var ErrNoDocument = fault.New(fault.NotFound, "There is no such document.")

// Get returns a document in any state but purging, which cannot be read any
// more. It returns fault.NotFound.
func (v *Vault) Get(ctx context.Context, actor database.Actor, document id.ID) (Document, error) {
	return v.one(ctx, actor, `d.id = @id AND d.status <> 'purging'`, database.Args{"id": document})
}

// one returns the single document that a condition picks.
func (v *Vault) one(ctx context.Context, actor database.Actor, where string, args database.Args) (Document, error) {
	var r row
	var found bool
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&found, `SELECT `+columns+` FROM documents d WHERE d.user_id = app_user() AND `+where, args, r.fields()...)
	})
	if err != nil {
		return Document{}, fmt.Errorf("read document: %w", err)
	}
	if !found {
		return Document{}, ErrNoDocument
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return Document{}, err
	}
	return r.open(u)
}

// Reading is a document that a batch reads beside its other statements: see
// [Read].
type Reading struct {
	row   row
	found bool
}

// Read adds the statement that reads a document as [Vault.Get] does, to a batch
// that made or changed it.
func Read(b *database.Batch, document id.ID) *Reading {
	r := &Reading{}
	b.Maybe(&r.found, `SELECT `+columns+` FROM documents d WHERE d.user_id = app_user() AND d.id = @id AND d.status <> 'purging'`,
		database.Args{"id": document}, r.row.fields()...)
	return r
}

// Document opens what was read, after the batch. It returns fault.NotFound.
func (r *Reading) Document(u *keys.User) (Document, error) {
	if !r.found {
		return Document{}, ErrNoDocument
	}
	return r.row.open(u)
}

// BySHA256 returns the document that keeps these bytes from being uploaded a
// second time: pending or live, and not one of the allowed duplicates. It
// returns fault.NotFound.
func (v *Vault) BySHA256(ctx context.Context, actor database.Actor, sha []byte) (Document, error) {
	return v.one(ctx, actor, `d.sha256 = @sha AND NOT d.allow_duplicate AND d.status NOT IN ('rejected', 'expired')`,
		database.Args{"sha": sha})
}

// New is what a client says of a new document, sealed.
type New struct{ Filename, Title, Correspondent []byte }

// SealNew cleans and seals it; empty members become NULL.
func SealNew(u *keys.User, document id.ID, filename, title, correspondent string) (n New, err error) {
	if n.Filename, err = u.Seal(table, colFilename, document, []byte(CleanFilename(filename))); err != nil {
		return n, err
	}
	if title = CleanText(title); title != "" {
		if n.Title, err = u.Seal(table, colTitle, document, []byte(title)); err != nil {
			return n, err
		}
	}
	if correspondent = CleanText(correspondent); correspondent != "" {
		n.Correspondent, err = u.Seal(table, colCorrespondent, document, []byte(correspondent))
	}
	return n, err
}

// SealSuggestions seals the JSON form of a document's suggestions.
func SealSuggestions(u *keys.User, document id.ID, encoded []byte) ([]byte, error) {
	return u.Seal(table, colSuggestions, document, encoded)
}
