-- migrate:up

-- Folders that people move, rename and delete.
--
-- A deleted folder stays while a document in the trash lies in it, so that
-- restoring brings the folder back; nobody sees it until then.
ALTER TABLE folders
  ADD COLUMN version bigint NOT NULL DEFAULT 1,
  ADD COLUMN deleted_at timestamptz,
  DROP CONSTRAINT folders_user_id_parent_id_name_key_key;
CREATE UNIQUE INDEX folders_name ON folders (user_id, parent_id, name_key) NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE INDEX folders_parent ON folders (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX folders_deleted ON folders (user_id) WHERE deleted_at IS NOT NULL;

-- Holds the user's tree until the transaction ends, before any lock on a
-- document: alone for what moves, deletes or brings back folders, with others
-- for what puts a document or a new folder into one.
CREATE FUNCTION lock_folders(in_alone boolean) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF in_alone THEN
    PERFORM pg_advisory_xact_lock(hashtext('docuvault.folders'), hashtext(app_user()::text));
  ELSE
    PERFORM pg_advisory_xact_lock_shared(hashtext('docuvault.folders'), hashtext(app_user()::text));
  END IF;
END $$;

-- How many folders there are from the top to this one, itself included; 0 for
-- NULL. Ends above every depth that there can be.
CREATE FUNCTION folder_depth(in_folder uuid) RETURNS integer
  LANGUAGE sql STABLE AS $$
  WITH RECURSIVE up AS (
    SELECT f.parent_id, 1 AS n FROM folders f WHERE f.id = in_folder
    UNION ALL SELECT f.parent_id, up.n + 1 FROM folders f JOIN up ON f.id = up.parent_id WHERE up.n < 100)
  SELECT coalesce(max(n), 0)::integer FROM up
$$;

-- A folder and all that are in it, at any depth, deleted ones not.
CREATE FUNCTION folder_tree(in_folder uuid) RETURNS TABLE (id uuid, depth integer)
  LANGUAGE sql STABLE AS $$
  WITH RECURSIVE down AS (
    SELECT f.id, 1 AS n FROM folders f WHERE f.id = in_folder AND f.deleted_at IS NULL
    UNION ALL SELECT f.id, down.n + 1 FROM folders f JOIN down ON f.parent_id = down.id WHERE f.deleted_at IS NULL AND down.n < 100)
  SELECT down.id, down.n FROM down
$$;

-- The one picture of what a tree is, whatever statement changes it: no folder
-- in itself (DV425), none more than 32 deep (DV423), and nothing in a folder
-- that is deleted or another user's (DV422). Two moves that would make a cycle
-- together wait here for each other.
CREATE FUNCTION folders_guard() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.parent_id IS NOT DISTINCT FROM OLD.parent_id AND (NEW.deleted_at IS NOT NULL OR OLD.deleted_at IS NULL) THEN
    RETURN NEW;
  END IF;
  PERFORM lock_folders(TG_OP = 'UPDATE');
  PERFORM require_folder(NEW.parent_id);
  IF TG_OP = 'UPDATE' AND NEW.parent_id IN (SELECT t.id FROM folder_tree(NEW.id) t) THEN
    RAISE EXCEPTION 'a folder in itself' USING ERRCODE = 'DV425';
  END IF;
  IF folder_depth(NEW.parent_id) + greatest(1, (SELECT max(t.depth) FROM folder_tree(NEW.id) t)) > 32 THEN
    RAISE EXCEPTION 'folders too deep' USING ERRCODE = 'DV423';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER folders_guard BEFORE INSERT OR UPDATE OF parent_id, deleted_at ON folders FOR EACH ROW EXECUTE FUNCTION folders_guard();

-- A user has at most so many rows of a table (DV426): the lists of folders,
-- topics and tags have no pages.
CREATE FUNCTION limit_rows() RETURNS trigger
  LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
BEGIN
  IF EXISTS (SELECT FROM made) THEN
    EXECUTE format('SELECT count(*) FROM %I WHERE user_id = $1', TG_TABLE_NAME) INTO n USING app_user();
    IF n > TG_ARGV[0]::bigint THEN
      RAISE EXCEPTION 'too many rows' USING ERRCODE = 'DV426';
    END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER folders_limit AFTER INSERT ON folders REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION limit_rows('10000');

-- Holds a folder in front of the statements that change it: DV424 when it is not
-- there for this user, DV412 when it is not the version that the client saw
-- (NULL: any).
CREATE FUNCTION lock_folder(in_folder uuid, in_version bigint) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM folders WHERE id = in_folder AND user_id = app_user() AND deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV424';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION require_folder(in_folder uuid) RETURNS uuid
  LANGUAGE plpgsql AS $$
BEGIN
  IF in_folder IS NOT NULL AND NOT EXISTS (SELECT FROM folders WHERE id = in_folder AND user_id = app_user() AND deleted_at IS NULL) THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV422';
  END IF;
  RETURN in_folder;
END $$;

-- Walks a path of folder names from a folder (NULL: the root), makes what is
-- missing, and returns the last one; the start itself for an empty path. The
-- arrays run in parallel: the id and the sealed name are for a folder that has
-- to be made.
CREATE OR REPLACE FUNCTION ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) RETURNS uuid
  LANGUAGE plpgsql AS $$
DECLARE
  here uuid := in_start;
  parent uuid;
BEGIN
  FOR i IN 1 .. coalesce(array_length(in_keys, 1), 0) LOOP
    parent := here;
    LOOP
      SELECT id INTO here FROM folders
       WHERE user_id = app_user() AND parent_id IS NOT DISTINCT FROM parent AND name_key = in_keys[i] AND deleted_at IS NULL;
      EXIT WHEN FOUND;
      -- Of two at once the second waits, makes none, and looks again.
      INSERT INTO folders (id, user_id, parent_id, name_key, name_sealed)
        VALUES (in_ids[i], app_user(), parent, in_keys[i], in_names[i]) ON CONFLICT DO NOTHING;
    END LOOP;
  END LOOP;
  RETURN here;
END $$;

-- Where a document from the trash goes: its folder, which comes back with those
-- that it was in if they were deleted. Where a folder of that name is by now,
-- that one takes its place; where the tree would be too deep, it is the root.
CREATE FUNCTION revive_folder(in_folder uuid) RETURNS uuid
  LANGUAGE plpgsql AS $$
DECLARE
  f record;
  parent uuid;
  here uuid;
BEGIN
  IF in_folder IS NULL OR EXISTS (SELECT FROM folders WHERE id = in_folder AND deleted_at IS NULL) THEN
    RETURN in_folder;
  END IF;
  FOR f IN WITH RECURSIVE up AS (
             SELECT x.id, x.parent_id, x.name_key, x.deleted_at, 1 AS n FROM folders x WHERE x.id = in_folder
             UNION ALL SELECT x.id, x.parent_id, x.name_key, x.deleted_at, up.n + 1 FROM folders x JOIN up ON x.id = up.parent_id WHERE up.n < 100)
           SELECT * FROM up ORDER BY n DESC
  LOOP
    IF f.deleted_at IS NULL THEN
      parent := f.id;
      CONTINUE;
    END IF;
    SELECT id INTO here FROM folders
     WHERE user_id = app_user() AND parent_id IS NOT DISTINCT FROM parent AND name_key = f.name_key AND deleted_at IS NULL;
    IF NOT FOUND THEN
      UPDATE folders SET deleted_at = NULL, parent_id = parent, version = version + 1 WHERE id = f.id;
      here := f.id;
    END IF;
    parent := here;
  END LOOP;
  RETURN parent;
EXCEPTION WHEN SQLSTATE 'DV423' THEN
  RETURN NULL;
END $$;

-- Removes deleted folders that no document lies in any more.
CREATE FUNCTION drop_folders() RETURNS bigint
  LANGUAGE plpgsql AS $$
DECLARE
  n bigint;
  total bigint := 0;
BEGIN
  LOOP -- from the leaves up
    DELETE FROM folders f WHERE f.user_id = app_user() AND f.deleted_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM documents d WHERE d.folder_id = f.id)
       AND NOT EXISTS (SELECT FROM folders c WHERE c.parent_id = f.id);
    GET DIAGNOSTICS n = ROW_COUNT;
    total := total + n;
    EXIT WHEN n = 0;
  END LOOP;
  RETURN total;
END $$;

GRANT EXECUTE ON FUNCTION lock_folders(boolean), folder_depth(uuid), folder_tree(uuid), lock_folder(uuid, bigint),
  revive_folder(uuid), drop_folders() TO docuvault_app;

-- migrate:down
DROP FUNCTION drop_folders();
DROP FUNCTION revive_folder(uuid);
CREATE OR REPLACE FUNCTION ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) RETURNS uuid
  LANGUAGE plpgsql AS $$
DECLARE
  here uuid := in_start;
  parent uuid;
  depth integer;
BEGIN
  WITH RECURSIVE up AS (
    SELECT id, parent_id, 1 AS n FROM folders WHERE id = in_start
    UNION ALL SELECT f.id, f.parent_id, up.n + 1 FROM folders f JOIN up ON f.id = up.parent_id WHERE up.n < 32)
  SELECT coalesce(max(n), 0) + cardinality(in_keys) INTO depth FROM up;
  IF depth > 32 THEN
    RAISE EXCEPTION 'folders too deep' USING ERRCODE = 'DV423';
  END IF;
  FOR i IN 1 .. coalesce(array_length(in_keys, 1), 0) LOOP
    parent := here;
    INSERT INTO folders (id, user_id, parent_id, name_key, name_sealed)
      VALUES (in_ids[i], app_user(), parent, in_keys[i], in_names[i]) ON CONFLICT DO NOTHING;
    SELECT id INTO STRICT here FROM folders
     WHERE user_id = app_user() AND parent_id IS NOT DISTINCT FROM parent AND name_key = in_keys[i];
  END LOOP;
  RETURN here;
END $$;
CREATE OR REPLACE FUNCTION require_folder(in_folder uuid) RETURNS uuid
  LANGUAGE plpgsql AS $$
BEGIN
  IF in_folder IS NOT NULL AND NOT EXISTS (SELECT FROM folders WHERE id = in_folder AND user_id = app_user()) THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV422';
  END IF;
  RETURN in_folder;
END $$;
DROP FUNCTION lock_folder(uuid, bigint);
DROP TRIGGER folders_limit ON folders;
DROP FUNCTION limit_rows();
DROP TRIGGER folders_guard ON folders;
DROP FUNCTION folders_guard();
DROP FUNCTION folder_tree(uuid);
DROP FUNCTION folder_depth(uuid);
DROP FUNCTION lock_folders(boolean);
DROP INDEX folders_deleted;
DROP INDEX folders_parent;
DROP INDEX folders_name;
UPDATE documents SET folder_id = NULL WHERE folder_id IN (SELECT id FROM folders WHERE deleted_at IS NOT NULL);
DELETE FROM folders WHERE deleted_at IS NOT NULL;
ALTER TABLE folders DROP COLUMN deleted_at, DROP COLUMN version,
  ADD CONSTRAINT folders_user_id_parent_id_name_key_key UNIQUE NULLS NOT DISTINCT (user_id, parent_id, name_key);
