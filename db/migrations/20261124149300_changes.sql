-- migrate:up

-- Who writes the feed of changes: triggers, so that no statement forgets it.
-- There is no row yet. Without a foreign key: a change locks no account's row.
ALTER TABLE changes DROP CONSTRAINT changes_user_id_fkey;
ALTER TABLE changes RENAME COLUMN document_id TO item_id;
ALTER TABLE changes
  ADD COLUMN kind text NOT NULL CHECK (kind IN ('document', 'folder', 'topic', 'tag', 'quota', 'alert')),
  ADD COLUMN op text NOT NULL CHECK (op IN ('created', 'changed', 'deleted'));
-- An administrator's change of a limit is one of that account.
CREATE POLICY admin_writes ON changes FOR INSERT TO docuvault_migrate WITH CHECK (user_id = admin_target());

-- One entry. An account that is being erased gets none, which would be left.
CREATE FUNCTION note_change(in_user uuid, in_kind text, in_item uuid, in_op text) RETURNS void
  LANGUAGE sql AS $$
  INSERT INTO changes (user_id, kind, item_id, op)
    SELECT in_user, in_kind, in_item, in_op FROM users WHERE id = in_user AND deleted_at IS NULL
$$;

-- Of a row with an id: the kind is the trigger's argument.
CREATE FUNCTION note_row() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM note_change(OLD.user_id, TG_ARGV[0], OLD.id, 'deleted');
  ELSE
    PERFORM note_change(NEW.user_id, TG_ARGV[0], NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'changed' END);
  END IF;
  RETURN NULL;
END $$;

-- A document that is purged, and a folder that is deleted, are gone for who
-- sees them.
CREATE FUNCTION note_gone() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM note_change(NEW.user_id, TG_ARGV[0], NEW.id, 'deleted');
  RETURN NULL;
END $$;

CREATE FUNCTION note_tagging() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM note_change(d.user_id, 'document', d.id, 'changed')
     FROM documents d WHERE d.status <> 'purging' AND d.id IN (SELECT t.document_id FROM tagged t);
  RETURN NULL;
END $$;

CREATE FUNCTION note_quota() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM note_change(NEW.user_id, 'quota', NEW.user_id, 'changed');
  RETURN NULL;
END $$;

-- What a person sees of a document; when it is due, its lease and its attempts
-- are not.
CREATE TRIGGER documents_made AFTER INSERT ON documents FOR EACH ROW EXECUTE FUNCTION note_row('document');
CREATE TRIGGER documents_changed AFTER UPDATE ON documents FOR EACH ROW
  WHEN (NEW.status <> 'purging' AND
        (OLD.status, OLD.failure, OLD.filename_sealed, OLD.title_sealed, OLD.correspondent_sealed, OLD.notes_sealed, OLD.reference_sealed,
         OLD.suggestions_sealed, OLD.folder_id, OLD.topic_id, OLD.topic_source, OLD.document_date, OLD.page_count, OLD.language, OLD.sniffed_type)
        IS DISTINCT FROM
        (NEW.status, NEW.failure, NEW.filename_sealed, NEW.title_sealed, NEW.correspondent_sealed, NEW.notes_sealed, NEW.reference_sealed,
         NEW.suggestions_sealed, NEW.folder_id, NEW.topic_id, NEW.topic_source, NEW.document_date, NEW.page_count, NEW.language, NEW.sniffed_type))
  EXECUTE FUNCTION note_row('document');
CREATE TRIGGER documents_purging AFTER UPDATE ON documents FOR EACH ROW
  WHEN (NEW.status = 'purging' AND OLD.status <> 'purging') EXECUTE FUNCTION note_gone('document');
-- Again when the row goes, since that is when its bytes are free.
CREATE TRIGGER documents_gone AFTER DELETE ON documents FOR EACH ROW EXECUTE FUNCTION note_row('document');
CREATE TRIGGER document_tags_made AFTER INSERT ON document_tags REFERENCING NEW TABLE AS tagged FOR EACH STATEMENT EXECUTE FUNCTION note_tagging();
CREATE TRIGGER document_tags_gone AFTER DELETE ON document_tags REFERENCING OLD TABLE AS tagged FOR EACH STATEMENT EXECUTE FUNCTION note_tagging();

CREATE TRIGGER folders_made AFTER INSERT ON folders FOR EACH ROW EXECUTE FUNCTION note_row('folder');
CREATE TRIGGER folders_changed AFTER UPDATE ON folders FOR EACH ROW WHEN (NEW.deleted_at IS NULL) EXECUTE FUNCTION note_row('folder');
CREATE TRIGGER folders_gone AFTER UPDATE ON folders FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION note_gone('folder');
CREATE TRIGGER topics_noted AFTER INSERT OR UPDATE OR DELETE ON topics FOR EACH ROW EXECUTE FUNCTION note_row('topic');
CREATE TRIGGER tags_noted AFTER INSERT OR UPDATE OR DELETE ON tags FOR EACH ROW EXECUTE FUNCTION note_row('tag');
CREATE TRIGGER alerts_noted AFTER INSERT OR UPDATE OR DELETE ON alerts FOR EACH ROW EXECUTE FUNCTION note_row('alert');
-- What is used and reserved changes with documents, each of which is told.
CREATE TRIGGER quotas_noted AFTER UPDATE ON quotas FOR EACH ROW
  WHEN ((OLD.limit_bytes, OLD.document_limit) IS DISTINCT FROM (NEW.limit_bytes, NEW.document_limit)) EXECUTE FUNCTION note_quota();

-- Which history the feed's numbers belong to: another one on another server, in
-- a database made anew, after a restore to a point in time (a new timeline), and
-- when the table was written anew. Nobody has to remember to change it.
CREATE FUNCTION feed_epoch() RETURNS text
  LANGUAGE sql STABLE AS $$
  SELECT left(md5(concat_ws(' ', (pg_control_system()).system_identifier, (pg_control_checkpoint()).timeline_id,
    (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode('public.changes'))), 12)
$$;

GRANT EXECUTE ON FUNCTION note_change(uuid, text, uuid, text), feed_epoch() TO docuvault_app;

-- migrate:down
DROP FUNCTION feed_epoch();
DROP TRIGGER quotas_noted ON quotas;
DROP TRIGGER alerts_noted ON alerts;
DROP TRIGGER tags_noted ON tags;
DROP TRIGGER topics_noted ON topics;
DROP TRIGGER folders_gone ON folders;
DROP TRIGGER folders_changed ON folders;
DROP TRIGGER folders_made ON folders;
DROP TRIGGER document_tags_gone ON document_tags;
DROP TRIGGER document_tags_made ON document_tags;
DROP TRIGGER documents_gone ON documents;
DROP TRIGGER documents_purging ON documents;
DROP TRIGGER documents_changed ON documents;
DROP TRIGGER documents_made ON documents;
DROP FUNCTION note_quota();
DROP FUNCTION note_tagging();
DROP FUNCTION note_gone();
DROP FUNCTION note_row();
DROP FUNCTION note_change(uuid, text, uuid, text);
DROP POLICY admin_writes ON changes;
DELETE FROM changes;
ALTER TABLE changes DROP COLUMN op, DROP COLUMN kind;
ALTER TABLE changes RENAME COLUMN item_id TO document_id;
ALTER TABLE changes ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
