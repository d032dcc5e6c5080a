-- migrate:up

-- Since when a document is in the trash; next_due_at says until when.
ALTER TABLE documents ADD COLUMN trashed_at timestamptz;
-- The owner is bound by the policies too, and none lets it write; and its hand
-- here is no change of the document.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE documents DISABLE TRIGGER documents_guard;
UPDATE documents SET trashed_at = updated_at WHERE status IN ('trashed', 'purging');
ALTER TABLE documents ENABLE TRIGGER documents_guard;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE documents ADD CONSTRAINT documents_trashed CHECK (status IN ('trashed', 'purging') OR trashed_at IS NULL);
-- The order of the trash; outside it, this is the order by created_at.
CREATE INDEX documents_trash ON documents (user_id, (CASE WHEN trashed_at IS NULL THEN created_at ELSE trashed_at END) DESC, id DESC) WHERE status = 'trashed';

-- What a user has by status, and all that the counts of GET
-- /v1/documents/summary need, so that neither reads the documents themselves.
CREATE INDEX documents_summary ON documents (user_id, status) INCLUDE (id, size, folder_id, topic_id, document_date, created_at);

-- migrate:down
DROP INDEX documents_summary;
DROP INDEX documents_trash;
ALTER TABLE documents DROP CONSTRAINT documents_trashed, DROP COLUMN trashed_at;
