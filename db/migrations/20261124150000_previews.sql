-- migrate:up

-- The pictures of a document's first page, in two sizes. The row comes before
-- the objects, which have rows in table objects from the same moment on: so a
-- purge and an erasure find them wherever their making ended.
CREATE TABLE previews (
  document_id  uuid PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  small_key    text, -- of objects; NULL before the first attempt
  large_key    text,
  small_width  integer CHECK (small_width > 0),
  small_height integer CHECK (small_height > 0),
  large_width  integer CHECK (large_width > 0),
  large_height integer CHECK (large_height > 0),
  attempts     integer NOT NULL DEFAULT 0, -- that were begun; the newest is the one that counts
  busy_until   timestamptz NOT NULL DEFAULT clock_timestamp(), -- before that no other attempt begins
  next_due_at  timestamptz DEFAULT clock_timestamp(), -- when the reconciler asks for another one; NULL: it is over
  made_at      timestamptz,
  failure      text,             -- why there is none: a code
  CHECK (made_at IS NULL OR failure IS NULL AND small_key IS NOT NULL AND large_key IS NOT NULL AND small_width + small_height + large_width + large_height IS NOT NULL),
  CHECK ((next_due_at IS NULL) = (made_at IS NOT NULL OR failure IS NOT NULL))
);
CREATE INDEX previews_due ON previews (next_due_at) WHERE next_due_at IS NOT NULL;
CREATE INDEX previews_user ON previews (user_id);
ALTER TABLE previews ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON previews USING (user_id = NULLIF(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY owner_reads ON previews FOR SELECT TO docuvault_migrate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON previews TO docuvault_app;

-- Who shows the document learns that its picture is there.
CREATE FUNCTION note_preview() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM note_change(NEW.user_id, 'document', NEW.document_id, 'changed');
  RETURN NULL;
END $$;
CREATE TRIGGER previews_made AFTER UPDATE ON previews FOR EACH ROW
  WHEN (OLD.made_at IS NULL AND NEW.made_at IS NOT NULL) EXECUTE FUNCTION note_preview();

-- A new analysis that a person asked for tries again what had failed, unless it
-- is being tried.
CREATE FUNCTION retry_preview() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  UPDATE previews SET failure = NULL, attempts = 0, next_due_at = clock_timestamp() + interval '5 minutes'
   WHERE document_id = NEW.id AND made_at IS NULL AND busy_until <= clock_timestamp();
  RETURN NULL;
END $$;
CREATE TRIGGER documents_reprocessed AFTER UPDATE ON documents FOR EACH ROW
  WHEN (OLD.status IN ('ready', 'failed') AND NEW.status = 'stored') EXECUTE FUNCTION retry_preview();

-- Documents that were read and whose preview is owed: none was begun, or an
-- attempt came to no end.
CREATE FUNCTION due_previews(in_limit integer) RETURNS TABLE (user_id uuid, document_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT d.user_id, d.id FROM previews p JOIN documents d ON d.id = p.document_id
     WHERE p.next_due_at <= clock_timestamp() AND d.status IN ('ready', 'failed')
     ORDER BY p.next_due_at LIMIT in_limit;
  END;

-- Looks at some documents behind one, and returns those that were read, have one
-- of the types, and of which nobody knows a preview; and without a user the
-- document to go on behind, if there may be more.
CREATE FUNCTION missing_previews(in_types text[], in_after uuid, in_limit integer) RETURNS TABLE (user_id uuid, document_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    WITH page AS MATERIALIZED (
      SELECT d.id, d.user_id, d.status, d.sniffed_type FROM documents d WHERE d.id > in_after ORDER BY d.id LIMIT in_limit)
    SELECT p.user_id, p.id FROM page p
     WHERE p.status IN ('ready', 'failed') AND p.sniffed_type = ANY (in_types) AND NOT EXISTS (SELECT FROM previews x WHERE x.document_id = p.id)
    UNION ALL
    SELECT NULL, (SELECT l.id FROM page l ORDER BY l.id DESC LIMIT 1) WHERE (SELECT count(*) FROM page) = in_limit;
  END;

GRANT EXECUTE ON FUNCTION due_previews(integer), missing_previews(text[], uuid, integer) TO docuvault_app;

-- migrate:down
DROP FUNCTION missing_previews(text[], uuid, integer);
DROP FUNCTION due_previews(integer);
DROP TRIGGER documents_reprocessed ON documents;
DROP FUNCTION retry_preview();
DROP TABLE previews;
DROP FUNCTION note_preview();
