package vault

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
)

// Summary counts a user's documents. All but Statuses is without the trash and
// uploads that are not complete.
type Summary struct {
	Documents int64            `json:"documents" doc:"All that are shown."`
	Bytes     int64            `json:"bytes" doc:"Of those, together."`
	Statuses  map[string]int64 `json:"statuses" doc:"By status; one that no document has is absent."`
	Folders   []Count          `json:"folders" doc:"By folder; what is in folders below it is not counted."`
	Unfiled   int64            `json:"unfiled" doc:"In no folder."`
	Topics    []Count          `json:"topics"`
	NoTopic   int64            `json:"no_topic"`
	Tags      []Count          `json:"tags"`
	Years     []Year           `json:"years" doc:"By the year of the date on the paper, or else of the upload (UTC); newest first."`
}

// Count is how many documents a folder, topic or tag has: one at least.
type Count struct {
	ID        id.ID `json:"id" format:"uuid"`
	Documents int64 `json:"documents"`
}

// Year is how many documents a year has.
type Year struct {
	Year      int   `json:"year"`
	Documents int64 `json:"documents"`
}

// The statements of [Vault.Summarize]. They read an index of the documents, and
// no document: a test looks at their plans. One pass over the documents makes few groups, which the sets are
// made of.
const (
	countGroups = `WITH g AS MATERIALIZED (
	    SELECT status, folder_id, topic_id, extract(year FROM coalesce(document_date, (created_at AT TIME ZONE 'UTC')::date))::integer AS year,
	           count(*) AS n, sum(size)::bigint AS bytes
	      FROM documents WHERE user_id = app_user() AND status <> 'purging' GROUP BY 1, 2, 3, 4)
	  SELECT 'status' AS by, NULL::uuid AS id, 0 AS year, sum(n)::bigint AS n, 0::bigint AS bytes, status FROM g GROUP BY status
	  UNION ALL
	  SELECT CASE WHEN grouping(folder_id) = 0 THEN 'folder' WHEN grouping(topic_id) = 0 THEN 'topic' WHEN grouping(year) = 0 THEN 'year' ELSE 'all' END,
	         coalesce(folder_id, topic_id), coalesce(year, 0), coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint, ''
	    FROM g WHERE status IN ` + Shown + ` GROUP BY GROUPING SETS ((folder_id), (topic_id), (year), ())
	   ORDER BY 1, 3 DESC, 4 DESC, 2`
	// TagCounts counts shown documents by tag: all that have it, without those
	// that are not shown, which are few.
	TagCounts = `SELECT tag_id, sum(n)::bigint AS n FROM (
	    SELECT tag_id, count(*) AS n FROM document_tags WHERE user_id = app_user() GROUP BY tag_id
	    UNION ALL
	    SELECT x.tag_id, -count(*) FROM documents d JOIN document_tags x ON x.document_id = d.id
	     WHERE d.user_id = app_user() AND x.user_id = app_user() AND d.status IN ('pending', 'rejected', 'expired', 'trashed', 'purging') GROUP BY x.tag_id) c
	 GROUP BY tag_id HAVING sum(n) > 0 ORDER BY 2 DESC, 1`
)

// SummaryStatements are the statements of [Vault.Summarize], for the test of
// their plans.
func SummaryStatements() []string { return []string{countGroups, TagCounts} }

// Summarize counts the actor's documents.
func (v *Vault) Summarize(ctx context.Context, actor database.Actor) (Summary, error) {
	s := Summary{Statuses: map[string]int64{}, Folders: []Count{}, Topics: []Count{}, Tags: []Count{}, Years: []Year{}}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(countGroups, nil, func(scan func(...any) error) error {
			var by, status string
			var c Count
			var year int
			var bytes int64
			if err := scan(&by, &c.ID, &year, &c.Documents, &bytes, &status); err != nil {
				return err
			}
			switch {
			case by == "status":
				s.Statuses[status] = c.Documents
			case by == "all":
				s.Documents, s.Bytes = c.Documents, bytes
			case by == "year":
				s.Years = append(s.Years, Year{year, c.Documents})
			case by == "folder" && c.ID.IsNil():
				s.Unfiled = c.Documents
			case by == "folder":
				s.Folders = append(s.Folders, c)
			case c.ID.IsNil():
				s.NoTopic = c.Documents
			default:
				s.Topics = append(s.Topics, c)
			}
			return nil
		})
		b.Each(TagCounts, nil, func(scan func(...any) error) error {
			var c Count
			err := scan(&c.ID, &c.Documents)
			s.Tags = append(s.Tags, c)
			return err
		})
	})
	if err != nil {
		return Summary{}, fmt.Errorf("summarize documents: %w", err)
	}
	return s, nil
}
