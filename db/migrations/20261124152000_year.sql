-- migrate:up

-- The list by year takes papers by their date, for which there is
-- documents_dated, and those without one by when they came: these are few, and
-- an old year would else be looked for through all documents.
CREATE INDEX documents_undated ON documents (user_id, created_at DESC, id DESC) WHERE document_date IS NULL;

-- migrate:down

DROP INDEX documents_undated;
