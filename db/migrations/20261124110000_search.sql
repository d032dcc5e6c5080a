-- migrate:up

-- Search. Tokens are hashes, which do not compress.
ALTER TABLE tokens ALTER COLUMN tsv SET STORAGE EXTERNAL;
-- What waits to be merged into the index is read by every search: keep it short.
CREATE INDEX tokens_search ON tokens USING gin (user_id, tsv) WITH (gin_pending_list_limit = 256);

-- The documents of this transaction's user that a query finds, in any state.
-- Under row-level security @@ could not use the index (it is not leakproof), so
-- this runs as the owner; the user comes from the setting and nowhere else, and
-- nothing but ids comes back.
--
-- in_all holds within one row of tokens. A document of several rows is found by
-- the other three: in_any (NULL: there is no need) picks the rows of such
-- documents that one of in_leaves holds in, and in_shape says which leaves a
-- document needs, by the names l1, l2, …
CREATE FUNCTION search_matches(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  IF in_any IS NULL THEN
    RETURN QUERY SELECT DISTINCT t.document_id FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ in_all;
    RETURN;
  END IF;
  RETURN QUERY SELECT t.document_id FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ in_all;
  RETURN QUERY SELECT t.document_id FROM tokens t JOIN unnest(in_leaves) WITH ORDINALITY l(q, n) ON t.tsv @@ l.q
                WHERE t.user_id = app_user() AND t.tsv @@ in_any
                GROUP BY t.document_id HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape;
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
  named tsquery;
  shown integer := 0;
BEGIN
  SELECT array_agg(m.document_id) INTO found FROM search_matches(in_all, in_any, in_leaves, in_shape) m;
  IF found IS NULL THEN
    RETURN;
  END IF;
  IF cardinality(found) <= 1000 THEN
    FOR document_id, rank IN
      SELECT s.id, s.rank FROM (
        SELECT t.document_id AS id,
               max(CASE t.part WHEN 0 THEN 1000 * (SELECT count(*) FROM unnest(in_names) q WHERE t.tsv @@ q) ELSE 0 END)::integer
               + max(floor(100 * ts_rank_cd('{0.1,1,1,1}', t.tsv, in_near, 32)))::integer AS rank
          FROM tokens t WHERE t.document_id = ANY (found) AND t.user_id = app_user() GROUP BY t.document_id) s
       WHERE in_id IS NULL OR (s.rank, s.id) < (in_rank, in_id)
       ORDER BY s.rank DESC, s.id DESC
    LOOP
      CONTINUE WHEN NOT EXISTS (SELECT FROM documents d WHERE d.id = search_page.document_id AND d.user_id = app_user()
                                 AND d.status IN ('stored', 'processing', 'ready', 'failed'));
      RETURN NEXT;
      shown := shown + 1;
      EXIT WHEN shown = in_limit;
    END LOOP;
    RETURN;
  END IF;
  SELECT string_agg('(' || q::text || ')', '|')::tsquery INTO named FROM unnest(in_names) q;
  FOR document_id, rank IN
    SELECT s.id, s.rank FROM (
      SELECT f.id, CASE WHEN n.id IS NULL THEN 0 ELSE 1000 END AS rank FROM unnest(found) f(id)
        LEFT JOIN (SELECT t.document_id AS id FROM tokens t WHERE t.user_id = app_user() AND t.part = 0 AND t.tsv @@ named) n USING (id)) s
     WHERE in_id IS NULL OR (s.rank, s.id) < (in_rank, in_id)
     ORDER BY s.rank DESC, s.id DESC
  LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM documents d WHERE d.id = search_page.document_id AND d.user_id = app_user()
                               AND d.status IN ('stored', 'processing', 'ready', 'failed'));
    RETURN NEXT;
    shown := shown + 1;
    EXIT WHEN shown = in_limit;
  END LOOP;
END $$;

GRANT EXECUTE ON FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery),
  search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, uuid, integer) TO docuvault_app;

-- migrate:down
DROP FUNCTION search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, uuid, integer);
DROP FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery);
DROP INDEX tokens_search;
ALTER TABLE tokens ALTER COLUMN tsv SET STORAGE EXTENDED;
