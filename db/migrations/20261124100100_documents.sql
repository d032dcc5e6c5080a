-- migrate:up

-- Everything a person wrote or that stands in a paper is sealed (…_sealed).
-- name_key is a keyed hash of a folded name, so that names can be unique and
-- found without being readable.

CREATE TABLE folders (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  parent_id   uuid REFERENCES folders,
  name_key    bytea NOT NULL,
  name_sealed bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE NULLS NOT DISTINCT (user_id, parent_id, name_key)
);

CREATE TABLE topics (
  id                 uuid PRIMARY KEY,
  user_id            uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name_key           bytea NOT NULL,
  name_sealed        bytea NOT NULL,
  description_sealed bytea,
  colour             text NOT NULL DEFAULT '' CHECK (colour ~ '^(#[0-9a-f]{6})?$'),
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (user_id, name_key)
);

CREATE TABLE tags (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name_key    bytea NOT NULL,
  name_sealed bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (user_id, name_key)
);

CREATE TABLE documents (
  id                   uuid PRIMARY KEY,
  user_id              uuid NOT NULL REFERENCES users,
  status               text NOT NULL CHECK (status IN ('pending', 'stored', 'processing', 'ready', 'failed',
                                                       'rejected', 'expired', 'trashed', 'purging')),
  status_before        text CHECK (status_before IN ('stored', 'ready', 'failed')), -- of a trashed one
  failure              text, -- a code, never a message
  next_due_at          timestamptz, -- when the reconciler looks at this row; NULL: never
  attempts             integer NOT NULL DEFAULT 0, -- of the analysis, since the last success
  fence                bigint NOT NULL DEFAULT 0, -- grows with each claim, so that a worker that lost its lease changes nothing

  object_key           text NOT NULL UNIQUE,
  size                 bigint NOT NULL CHECK (size >= 0),
  sha256               bytea NOT NULL CHECK (length(sha256) = 32),
  allow_duplicate      boolean NOT NULL DEFAULT false,
  content_type         text NOT NULL,
  sniffed_type         text,
  upload_expires_at    timestamptz NOT NULL,

  filename_sealed      bytea NOT NULL,
  title_sealed         bytea,
  correspondent_sealed bytea,
  notes_sealed         bytea,
  reference_sealed     bytea,
  suggestions_sealed   bytea,
  folder_id            uuid REFERENCES folders,
  topic_id             uuid REFERENCES topics,
  topic_source         text CHECK (topic_source IN ('user', 'local', 'openai', 'anthropic')),
  learned_topic_id     uuid REFERENCES topics ON DELETE SET NULL, -- the topic whose counts hold this document's words
  document_date        date,
  original_modified_at timestamptz,
  page_count           integer,
  language             text,

  created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  version              bigint NOT NULL DEFAULT 1,
  -- No topic, by a person: a choice as well, which no analysis overwrites.
  CHECK (topic_id IS NOT NULL AND topic_source IS NOT NULL OR topic_id IS NULL AND coalesce(topic_source, 'user') = 'user'),
  CHECK ((status IN ('trashed', 'purging')) OR status_before IS NULL)
);
-- The same bytes once a user, unless asked for.
CREATE UNIQUE INDEX documents_bytes ON documents (user_id, sha256)
  WHERE NOT allow_duplicate AND status NOT IN ('rejected', 'expired');
-- Each order of the list, and either way: a page reads what it shows. Row-level
-- security lets no coalesce() into a condition of an index, but it does CASE.
CREATE INDEX documents_list ON documents (user_id, created_at DESC, id DESC);
CREATE INDEX documents_updated ON documents (user_id, updated_at DESC, id DESC);
CREATE INDEX documents_size ON documents (user_id, size DESC, id DESC);
CREATE INDEX documents_dated ON documents (user_id, (CASE WHEN document_date IS NULL THEN '-infinity'::date ELSE document_date END) DESC, id DESC);
CREATE INDEX documents_folder ON documents (folder_id, created_at DESC, id DESC) WHERE folder_id IS NOT NULL;
CREATE INDEX documents_topic ON documents (topic_id, created_at DESC, id DESC) WHERE topic_id IS NOT NULL;
CREATE INDEX documents_learned ON documents (learned_topic_id) WHERE learned_topic_id IS NOT NULL;
CREATE INDEX documents_due ON documents (next_due_at) WHERE next_due_at IS NOT NULL;

CREATE TABLE document_tags (
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  tag_id      uuid NOT NULL REFERENCES tags ON DELETE CASCADE,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (document_id, tag_id)
);
CREATE INDEX document_tags_tag ON document_tags (tag_id);

CREATE TABLE texts (
  document_id uuid PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  sealed      bytea NOT NULL,
  source      text NOT NULL,
  truncated   boolean NOT NULL DEFAULT false
);

-- Keyed hashes of words with positions; several rows a document.
CREATE TABLE tokens (
  document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
  part        integer NOT NULL,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  tsv         tsvector NOT NULL,
  PRIMARY KEY (document_id, part)
);

-- Derived objects (previews, exports, audit heads) in the second bucket.
CREATE TABLE objects (
  key         text PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES users,
  document_id uuid REFERENCES documents,
  kind        text NOT NULL CHECK (kind IN ('preview', 'export', 'audit_head')),
  size        bigint NOT NULL CHECK (size >= 0),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX objects_document ON objects (document_id);

-- What the local classifier has learned: counts by keyed token.
CREATE TABLE classifier_topics (
  user_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  topic_id  uuid NOT NULL REFERENCES topics ON DELETE CASCADE,
  documents bigint NOT NULL CHECK (documents >= 0),
  PRIMARY KEY (user_id, topic_id)
);
CREATE TABLE classifier_tokens (
  user_id  uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  token    text NOT NULL,
  topic_id uuid NOT NULL REFERENCES topics ON DELETE CASCADE,
  count    bigint NOT NULL CHECK (count >= 0),
  PRIMARY KEY (user_id, token, topic_id)
);

-- The one picture of what may follow what. Statements guard with WHERE; this
-- refuses what a wrong statement would do.
CREATE FUNCTION documents_guard() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.user_id <> OLD.user_id OR NEW.object_key <> OLD.object_key OR NEW.size <> OLD.size OR NEW.sha256 <> OLD.sha256 THEN
    RAISE EXCEPTION 'a document keeps its owner, its object, its size and its hash';
  END IF;
  IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
    ('pending', 'stored'), ('pending', 'rejected'), ('pending', 'expired'),
    ('stored', 'processing'), ('processing', 'ready'), ('processing', 'failed'),
    ('processing', 'stored'), -- the worker gave up or lost its lease
    ('ready', 'stored'), ('failed', 'stored'), -- reprocess
    ('stored', 'trashed'), ('processing', 'trashed'), ('ready', 'trashed'), ('failed', 'trashed'),
    ('trashed', 'stored'), ('trashed', 'ready'), ('trashed', 'failed'), -- restore
    ('stored', 'purging'), ('processing', 'purging'), ('ready', 'purging'), ('failed', 'purging'), ('trashed', 'purging')) THEN
    RAISE EXCEPTION 'a document cannot go from % to %', OLD.status, NEW.status;
  END IF;
  NEW.updated_at := clock_timestamp();
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER documents_guard BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION documents_guard();

-- Locks a live document in front of the statements that change it: DV404 when
-- it is not there for this user, DV412 when it is not the version that the
-- client saw (NULL: any).
CREATE FUNCTION lock_document(in_document uuid, in_version bigint) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM documents
   WHERE id = in_document AND user_id = app_user() AND status NOT IN ('pending', 'rejected', 'expired', 'purging')
     FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such document' USING ERRCODE = 'DV404';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;

-- Walks a path of folder names from a folder (NULL: the root), makes what is
-- missing, and returns the last one; the start itself for an empty path. The
-- arrays run in parallel: the id and the sealed name are for a folder that has
-- to be made. DV423 when the last one would be more than 32 deep.
CREATE FUNCTION ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) RETURNS uuid
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

-- The folder itself if it is the user's own (NULL stays NULL); DV422 if not.
CREATE FUNCTION require_folder(in_folder uuid) RETURNS uuid
  LANGUAGE plpgsql AS $$
BEGIN
  IF in_folder IS NOT NULL AND NOT EXISTS (SELECT FROM folders WHERE id = in_folder AND user_id = app_user()) THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV422';
  END IF;
  RETURN in_folder;
END $$;

-- Holds a document that a worker analyzes: DV409 when the worker's lease is
-- over, since the row was taken by another attempt, the trash or the purge.
CREATE FUNCTION require_lease(in_document uuid, in_fence bigint) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM documents WHERE id = in_document AND user_id = app_user() AND status = 'processing' AND fence = in_fence FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lease lost' USING ERRCODE = 'DV409';
  END IF;
END $$;

-- Holds that a document's text is the one that the caller read: DV409 when it
-- was replaced. The stamp is the SHA-256 of the sealed text, NULL for none.
CREATE FUNCTION require_text(in_document uuid, in_stamp bytea) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT sha256(sealed) FROM texts WHERE document_id = in_document AND user_id = app_user()) IS DISTINCT FROM in_stamp THEN
    RAISE EXCEPTION 'another text' USING ERRCODE = 'DV409';
  END IF;
END $$;

-- migrate:down
DROP FUNCTION require_text(uuid, bytea);
DROP FUNCTION require_lease(uuid, bigint);
DROP FUNCTION require_folder(uuid);
DROP FUNCTION ensure_folder(uuid, uuid[], bytea[], bytea[]);
DROP FUNCTION lock_document(uuid, bigint);
DROP TABLE classifier_tokens, classifier_topics, objects, tokens, texts, document_tags, documents, tags, topics, folders;
DROP FUNCTION documents_guard();
