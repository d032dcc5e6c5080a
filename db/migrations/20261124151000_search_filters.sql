-- migrate:up

-- Filters of search beside its words.

-- The day by which people look for a paper: its date, or else that of the
-- upload (UTC). A column, since an index over the expression would be of no use
-- under row-level security (timezone() is not leakproof).
ALTER TABLE documents ADD COLUMN day date NOT NULL GENERATED ALWAYS AS (coalesce(document_date, (created_at AT TIME ZONE 'UTC')::date)) STORED;
CREATE INDEX documents_day ON documents (user_id, day DESC, id DESC);

-- Those of the documents in in_ids, which may be any, that filters let pass.
-- Each filter is one element of the arrays: what it looks at, from where up to
-- below where (NULL: no end), and of what it is one (the text form of an array).
-- The shape says which of them are needed, by the names f1, f2, … A filter that
-- is looked at in many documents needs no plan of its own here; what few
-- documents have, an index answered before.
CREATE FUNCTION search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery)
  RETURNS TABLE (document_id uuid)
  LANGUAGE sql STABLE AS $$
  WITH f AS MATERIALIZED (
    SELECT 'f' || x.n AS name, x.kind, coalesce(x.low, -9223372036854775808) AS low, coalesce(x.high, 9223372036854775807) AS high,
           CASE WHEN x.kind IN ('topic', 'tag', 'folder') THEN x.members::uuid[] END AS ids,
           CASE WHEN x.kind IN ('type', 'status', 'language') THEN x.members::text[] END AS texts
      FROM unnest(in_kinds, in_lows, in_highs, in_members) WITH ORDINALITY x(kind, low, high, members, n))
  SELECT d.id FROM (SELECT o.* FROM documents o WHERE o.id = ANY (in_ids) OFFSET 0) d
   WHERE d.user_id = app_user() AND array_to_tsvector(ARRAY(SELECT f.name FROM f WHERE CASE f.kind
           WHEN 'topic' THEN d.topic_id = ANY (f.ids)
           WHEN 'tag' THEN EXISTS (SELECT FROM document_tags x WHERE x.document_id = d.id AND x.user_id = app_user() AND x.tag_id = ANY (f.ids))
           WHEN 'folder' THEN d.folder_id = ANY (f.ids)
           WHEN 'size' THEN d.size >= f.low AND d.size < f.high
           WHEN 'day' THEN d.day - '1970-01-01'::date >= f.low AND d.day - '1970-01-01'::date < f.high
           WHEN 'added' THEN extract(epoch FROM d.created_at) >= f.low AND extract(epoch FROM d.created_at) < f.high
           WHEN 'type' THEN split_part(coalesce(d.sniffed_type, d.content_type), ';', 1) LIKE ANY (f.texts)
           WHEN 'status' THEN d.status = ANY (f.texts)
           WHEN 'language' THEN d.language = ANY (f.texts)
         END)) @@ in_shape
$$;
GRANT EXECUTE ON FUNCTION search_passing(uuid[], text[], bigint[], bigint[], text[], tsquery) TO docuvault_app;

-- migrate:down
DROP FUNCTION search_passing(uuid[], text[], bigint[], bigint[], text[], tsquery);
DROP INDEX documents_day;
ALTER TABLE documents DROP COLUMN day;
