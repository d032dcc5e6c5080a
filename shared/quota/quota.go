// Package quota holds every statement that changes what a user has used.
//
// There is no arithmetic between two statements: a reservation is one
// conditional UPDATE that feeds the INSERT of the document, and each later
// change is a common table expression of the statement that moves the
// document's status. So a quota changes exactly when, and exactly as often as,
// a document changes state. Lock order: document before quota.
//
// The fragments are pieces of SQL. Reserve goes in front of an INSERT; the
// others read a CTE called moved with the columns user_id and size, and work
// for any number of moved rows.
package quota

// MaxOpenUploads is how many uploads of one user may be pending at a time.
const MaxOpenUploads = 1000

// Reserve takes @size bytes out of what is left, or returns no row. It also
// counts: open uploads stay below @max_open, documents below their limit.
const Reserve = `reserved AS (
  UPDATE quotas
     SET reserved_bytes = reserved_bytes + @size, open_uploads = open_uploads + 1
   WHERE user_id = app_user()
     AND used_bytes + reserved_bytes + @size <= limit_bytes
     AND open_uploads < @max_open
     AND documents + open_uploads < document_limit
  RETURNING user_id)`

// Settle makes reservations into use: pending became stored.
const Settle = `settled AS (
  UPDATE quotas q
     SET reserved_bytes = q.reserved_bytes - m.bytes, open_uploads = q.open_uploads - m.n,
         used_bytes = q.used_bytes + m.bytes, documents = q.documents + m.n
    FROM (SELECT user_id, sum(size)::bigint AS bytes, count(*) AS n FROM moved GROUP BY user_id) m
   WHERE q.user_id = m.user_id)`

// Release gives reservations back: pending became expired or rejected.
const Release = `released AS (
  UPDATE quotas q
     SET reserved_bytes = q.reserved_bytes - m.bytes, open_uploads = q.open_uploads - m.n
    FROM (SELECT user_id, sum(size)::bigint AS bytes, count(*) AS n FROM moved GROUP BY user_id) m
   WHERE q.user_id = m.user_id)`

// Free gives used bytes back: purging rows were deleted.
const Free = `freed AS (
  UPDATE quotas q
     SET used_bytes = q.used_bytes - m.bytes, documents = q.documents - m.n
    FROM (SELECT user_id, sum(size)::bigint AS bytes, count(*) AS n FROM moved GROUP BY user_id) m
   WHERE q.user_id = m.user_id)`

// Usage reads the caller's own quota: limit, used, reserved, open uploads,
// documents, document limit.
const Usage = `SELECT limit_bytes, used_bytes, reserved_bytes, open_uploads, documents, document_limit
  FROM quotas WHERE user_id = app_user()`

// Lock holds the user's counters still until the transaction ends. It goes in
// front of [Recount], in the same batch: the recount then sees every transition
// that came before, and none can slip in between.
const Lock = `SELECT FROM quotas WHERE user_id = app_user() FOR UPDATE`

// Recount puts counters right that differ from what the rows say, and returns
// a row only then: used, reserved, open uploads and documents, each as it was.
// A row is a bug or a restored backup; it is logged.
const Recount = `
WITH truth AS (
  SELECT coalesce(sum(size) FILTER (WHERE status NOT IN ('pending', 'rejected', 'expired')), 0)::bigint AS used,
         coalesce(sum(size) FILTER (WHERE status = 'pending'), 0)::bigint AS reserved,
         count(*) FILTER (WHERE status = 'pending') AS open,
         count(*) FILTER (WHERE status NOT IN ('pending', 'rejected', 'expired')) AS documents
    FROM documents WHERE user_id = app_user()),
before AS (SELECT * FROM quotas WHERE user_id = app_user())
UPDATE quotas q SET used_bytes = t.used, reserved_bytes = t.reserved, open_uploads = t.open, documents = t.documents
  FROM truth t, before b
 WHERE q.user_id = app_user()
   AND (q.used_bytes, q.reserved_bytes, q.open_uploads, q.documents) IS DISTINCT FROM (t.used, t.reserved, t.open, t.documents)
RETURNING b.used_bytes, b.reserved_bytes, b.open_uploads, b.documents`
