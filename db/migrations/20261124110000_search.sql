-- migrate:up

-- Search. Tokens are hashes, which do not compress; and most searches read only
-- which document a row belongs to, so that tokens lie apart from it.
ALTER TABLE tokens ALTER COLUMN tsv SET STORAGE EXTERNAL;
ALTER TABLE tokens SET (toast_tuple_target = 128);
-- What waits to be merged into the index is read by every search: keep it short.
CREATE INDEX tokens_search ON tokens USING gin (user_id, tsv) WITH (gin_pending_list_limit = 256);

-- The documents of this transaction's user that a query finds, in any state.
-- in_all holds within the one row of tokens that most documents have. A
-- document of several rows is found by the other three: in_any picks the rows
-- of such documents that one of in_leaves holds in, and in_shape says which
-- leaves a document needs, by the names l1, l2, … For the two functions below,
-- into which PostgreSQL inlines it.
CREATE FUNCTION search_rows(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE sql STABLE AS $$
  SELECT t.document_id FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ in_all
  UNION ALL
  SELECT t.document_id FROM tokens t JOIN unnest(in_leaves) WITH ORDINALITY l(q, n) ON t.tsv @@ l.q
   WHERE t.user_id = app_user() AND t.tsv @@ in_any
   GROUP BY t.document_id HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;

-- Under row-level security @@ could not use the index (it is not leakproof), so
-- these two run as the owner; the user comes from the setting and nowhere else,
-- and nothing but ids and ranks comes back.
CREATE FUNCTION search_matches(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT r.document_id FROM search_rows(in_all, in_any, in_leaves, in_shape) r;
END $$;

-- One page of what a query finds outside the trash, best first: by how many of
-- in_names (a query each for a word in a name) hold, then by how close together
-- and how often in_near holds, then the newest (ids grow with time). Among more
-- than 1,000 documents only names and time count: ranking would have to read
-- the tokens of each. in_rank and in_id are where the page before ended.
CREATE FUNCTION search_page(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery,
    in_near tsquery, in_names tsquery[], in_rank integer, in_id uuid, in_limit integer) RETURNS TABLE (document_id uuid, rank integer)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  found uuid[];
  ids uuid[];
  ranks integer[];
  named tsquery;
  shown integer := 0;
  -- Some more than are wanted: those in the trash are left out one by one.
  chunk integer := in_limit + 20;
BEGIN
  SELECT array_agg(r.document_id) INTO found FROM search_rows(in_all, in_any, in_leaves, in_shape) r;
  IF found IS NULL THEN
    RETURN;
  END IF;
  IF cardinality(found) <= 1000 THEN
    SELECT array_agg(s.id), array_agg(s.rank) INTO found, ranks FROM (
      SELECT t.document_id AS id,
             max(CASE t.part WHEN 0 THEN 1000 * (SELECT count(*) FROM unnest(in_names) q WHERE t.tsv @@ q) ELSE 0 END)::integer
             + max(floor(100 * ts_rank_cd('{0.1,1,1,1}', t.tsv, in_near, 32)))::integer AS rank
        FROM tokens t WHERE t.document_id = ANY (found) AND t.user_id = app_user() GROUP BY t.document_id) s;
  ELSE
    SELECT string_agg('(' || q::text || ')', '|')::tsquery INTO named FROM unnest(in_names) q;
    SELECT array_agg(f.id), array_agg(CASE WHEN n.id IS NULL THEN 0 ELSE 1000 END) INTO found, ranks FROM unnest(found) f(id)
      LEFT JOIN (SELECT t.document_id AS id FROM tokens t WHERE t.user_id = app_user() AND t.part = 0 AND t.tsv @@ named) n USING (id);
  END IF;
  LOOP
    ids := NULL;
    FOR document_id, rank IN
      SELECT s.id, s.rank FROM unnest(found, ranks) s(id, rank)
       WHERE in_id IS NULL OR (s.rank, s.id) < (in_rank, in_id) ORDER BY s.rank DESC, s.id DESC LIMIT chunk
    LOOP
      ids := ids || document_id;
      in_rank := rank;
      in_id := document_id;
      CONTINUE WHEN NOT EXISTS (SELECT FROM documents d WHERE d.id = search_page.document_id AND d.user_id = app_user()
                                 AND d.status IN ('stored', 'processing', 'ready', 'failed'));
      RETURN NEXT;
      shown := shown + 1;
      IF shown = in_limit THEN
        RETURN;
      END IF;
    END LOOP;
    EXIT WHEN cardinality(ids) IS DISTINCT FROM chunk;
    chunk := 1000; -- much of it is in the trash
  END LOOP;
END $$;

GRANT EXECUTE ON FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery),
  search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, uuid, integer) TO docuvault_app;

-- migrate:down
DROP FUNCTION search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, uuid, integer);
DROP FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery);
DROP FUNCTION search_rows(tsquery, tsquery, tsquery[], tsquery);
DROP INDEX tokens_search;
ALTER TABLE tokens RESET (toast_tuple_target);
ALTER TABLE tokens ALTER COLUMN tsv SET STORAGE EXTENDED;
