-- migrate:up

-- Search in windows of time, so that a word which is in every paper of a large
-- vault costs no more than one in a small vault. A user's documents are
-- numbered as they come, 500 to an era, and a token in their rows says which
-- era they are of: the index can then look at the newest alone.
CREATE TABLE search_eras (
  user_id   uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  documents bigint NOT NULL CHECK (documents > 0) -- that ever were
);
ALTER TABLE search_eras ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON search_eras USING (user_id = NULLIF(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY owner_reads ON search_eras FOR SELECT TO docuvault_migrate USING (true);
GRANT SELECT, INSERT, UPDATE ON search_eras TO docuvault_app;

ALTER TABLE tokens
  ADD COLUMN names tsvector[] NOT NULL DEFAULT '{}', -- of part 0: what people wrote, by field
  ADD COLUMN era integer NOT NULL DEFAULT 0,
  ADD COLUMN version integer NOT NULL DEFAULT 0; -- of the rules that made the tokens; 0: make them anew
ALTER TABLE tokens ALTER COLUMN names SET STORAGE EXTERNAL;
-- What is older than the rules, for the reconciler.
CREATE INDEX tokens_version ON tokens (version, document_id) WHERE part = 0;

-- Counts a document of this transaction's user, and returns its era.
CREATE FUNCTION next_era() RETURNS integer
  LANGUAGE sql VOLATILE AS $$
  INSERT INTO search_eras (user_id, documents) VALUES (app_user(), 1)
    ON CONFLICT (user_id) DO UPDATE SET documents = search_eras.documents + 1
    RETURNING ((documents - 1) / 500)::integer
$$;
CREATE FUNCTION newest_era() RETURNS integer
  LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT (documents - 1) / 500 FROM search_eras WHERE user_id = app_user()), 0)::integer
$$;

-- The token of an era: another one for each user. No keyed token has a # in it.
CREATE FUNCTION era_token(in_user uuid, in_era integer) RETURNS text
  LANGUAGE sql IMMUTABLE AS $$ SELECT '#' || left(md5(in_user::text || ' ' || in_era::text), 12) $$;

-- A row of tokens: those of the text, which have weight D, of the names, and of
-- the era. Other than ||, which moves the places of what stands on its right,
-- the text form merges tsvectors as they are.
CREATE FUNCTION compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) RETURNS tsvector
  LANGUAGE sql STABLE AS $$
  SELECT (ts_filter(in_text, '{d}')::text || ' ' || array_to_string(in_names, ' ') || ' ''' || era_token(in_user, in_era) || '''')::tsvector
$$;

-- What is there gets its era now; its names are split by field when the
-- reconciler has it indexed anew, since its version is 0.
DO $$
DECLARE
  u uuid;
BEGIN
  FOR u IN SELECT id FROM users LOOP
    PERFORM set_config('app.user_id', u::text, true);
    UPDATE tokens t SET era = n.era, tsv = t.tsv || array_to_tsvector(ARRAY[era_token(u, n.era)])
      FROM (SELECT document_id, ((row_number() OVER (ORDER BY document_id) - 1) / 500)::integer AS era FROM tokens WHERE user_id = u AND part = 0) n
     WHERE t.document_id = n.document_id AND t.user_id = u;
    INSERT INTO search_eras (user_id, documents)
      SELECT u, count(*) FROM tokens WHERE user_id = u AND part = 0 HAVING count(*) > 0;
  END LOOP;
  PERFORM set_config('app.user_id', '', true);
END $$;

DROP FUNCTION search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, uuid, integer);
DROP FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery);
DROP FUNCTION search_rows(tsquery, tsquery, tsquery[], tsquery);

-- As before, with the era.
CREATE FUNCTION search_rows(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid, era integer)
  LANGUAGE sql STABLE AS $$
  SELECT t.document_id, t.era FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ in_all
  UNION ALL
  SELECT t.document_id, t.era FROM tokens t JOIN unnest(in_leaves) WITH ORDINALITY l(q, n) ON t.tsv @@ l.q
   WHERE t.user_id = app_user() AND t.tsv @@ in_any
   GROUP BY t.document_id, t.era HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;

CREATE FUNCTION search_matches(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT r.document_id FROM search_rows(in_all, in_any, in_leaves, in_shape) r;
END $$;

-- One page of what a query finds outside the trash. Tier 1 are documents with a
-- word in a name (one of in_names holds), tier 2 the others. In a tier, the
-- newest 100 documents that match are the first window, the 100 before them the
-- second, and so on; in a window the best come first: by how many of in_names
-- hold, then by how close together and how often in_near holds, then the
-- newest. A phrase has to be looked for in each document that has its words, so
-- that one's window also ends, between two eras, as soon as it fills a page. So
-- a page reads the tokens of a bounded number of documents, however many match.
-- The columns of a row are where a next page goes on. One plan does for every
-- query, and to make a new one each time would cost more than most searches.
CREATE FUNCTION search_page(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[],
    in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer)
  RETURNS TABLE (document_id uuid, rank integer, tier integer, top_era integer, top_id uuid, floor_era integer, floor_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  window_size CONSTANT integer := 100;
  newest CONSTANT integer := newest_era();
  phrase CONSTANT boolean := in_near::text LIKE '%<%';
  named CONSTANT tsquery := (SELECT string_agg('(' || q::text || ')', '|')::tsquery FROM unnest(in_names) q);
  known boolean;
  all_here tsquery;
  any_here tsquery;
  eras tsquery;
  low integer;
  high integer;
  span integer;
  found uuid[];
  found_eras integer[];
  shown integer := 0;
BEGIN
  tier := coalesce(in_tier, 1);
  top_era := in_top_era; top_id := in_top; floor_era := in_floor_era; floor_id := in_floor;
  LOOP
    -- From here to the end of the loop: one window.
    IF top_era IS NULL THEN -- above all
      top_era := 2147483647; top_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    END IF;
    known := floor_era IS NOT NULL;
    high := least(top_era, newest);
    -- The newest two eras first, then three times as many, and so on to all.
    span := CASE WHEN known THEN high - floor_era + 1 WHEN high < 4 THEN high + 1 ELSE 2 END;
    LOOP
      low := greatest(high - span + 1, 0);
      all_here := in_all && CASE tier WHEN 1 THEN named ELSE !! named END;
      any_here := in_any && CASE tier WHEN 1 THEN named ELSE !! named END;
      IF low > 0 AND span <= 60 THEN
        SELECT string_agg('''' || era_token(app_user(), e) || '''', '|')::tsquery INTO eras FROM generate_series(low, high) e;
        all_here := all_here && eras;
        any_here := any_here && eras;
      END IF;
      SELECT array_agg(f.document_id ORDER BY f.era DESC, f.document_id DESC), array_agg(f.era ORDER BY f.era DESC, f.document_id DESC) INTO found, found_eras FROM (
        SELECT r.document_id, r.era FROM search_rows(all_here, any_here, in_leaves, in_shape) r
         WHERE (r.era, r.document_id) < (top_era, top_id) AND r.era >= low AND (NOT known OR (r.era, r.document_id) >= (floor_era, floor_id))
         ORDER BY r.era DESC, r.document_id DESC LIMIT window_size) f;
      EXIT WHEN known OR low = 0 OR cardinality(found) = window_size OR phrase AND cardinality(found) >= in_limit;
      span := CASE WHEN span < CASE WHEN phrase THEN 50 ELSE 6 END THEN 3 * span ELSE high + 1 END;
    END LOOP;
    IF NOT known THEN
      IF cardinality(found) = window_size THEN
        floor_era := found_eras[window_size]; floor_id := found[window_size];
      ELSIF low > 0 THEN
        floor_era := low; floor_id := '00000000-0000-0000-0000-000000000000';
      ELSE -- the last one
        floor_era := -1; floor_id := '00000000-0000-0000-0000-000000000000';
      END IF;
    END IF;
    FOR document_id, rank IN
      SELECT s.id, s.rank FROM (
        SELECT t.document_id AS id,
               max(CASE WHEN tier = 1 AND t.part = 0 THEN 1000 * (SELECT count(*) FROM unnest(in_names) q WHERE t.tsv @@ q) ELSE 0 END)::integer
               + max(floor(100 * ts_rank_cd('{0.1,1,1,1}', t.tsv, in_near, 32)))::integer AS rank
          FROM tokens t JOIN documents d ON d.id = t.document_id
         WHERE t.document_id = ANY (found) AND t.user_id = app_user() AND d.status IN ('stored', 'processing', 'ready', 'failed')
         GROUP BY t.document_id) s
       WHERE in_id IS NULL OR (s.rank, s.id) < (in_rank, in_id) ORDER BY s.rank DESC, s.id DESC LIMIT in_limit - shown
    LOOP
      RETURN NEXT;
      shown := shown + 1;
    END LOOP;
    EXIT WHEN shown = in_limit OR tier = 2 AND floor_era < 0;
    IF floor_era < 0 THEN
      tier := 2; top_era := NULL;
    ELSE
      top_era := floor_era; top_id := floor_id;
    END IF;
    floor_era := NULL; in_id := NULL;
  END LOOP;
END $$;

-- Documents whose tokens were made by older rules, page by page, of any user,
-- and no content.
CREATE FUNCTION stale_tokens(in_version integer, in_after uuid, in_limit integer) RETURNS TABLE (user_id uuid, document_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT t.user_id, t.document_id FROM tokens t JOIN documents d ON d.id = t.document_id
     WHERE t.part = 0 AND t.version < in_version AND t.document_id > in_after AND d.status IN ('ready', 'failed', 'trashed')
     ORDER BY t.document_id LIMIT in_limit;
  END;

GRANT EXECUTE ON FUNCTION next_era(), newest_era(), era_token(uuid, integer), compose_tokens(tsvector, tsvector[], uuid, integer),
  search_matches(tsquery, tsquery, tsquery[], tsquery), stale_tokens(integer, uuid, integer),
  search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, integer, uuid, integer, uuid, integer, uuid, integer) TO docuvault_app;

-- migrate:down
DROP FUNCTION stale_tokens(integer, uuid, integer);
DROP FUNCTION search_page(tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, integer, uuid, integer, uuid, integer, uuid, integer);
DROP FUNCTION search_matches(tsquery, tsquery, tsquery[], tsquery);
DROP FUNCTION search_rows(tsquery, tsquery, tsquery[], tsquery);
DROP FUNCTION compose_tokens(tsvector, tsvector[], uuid, integer);
DROP FUNCTION era_token(uuid, integer);
DROP FUNCTION newest_era();
DROP FUNCTION next_era();
DROP TABLE search_eras;
DROP INDEX tokens_version;
ALTER TABLE tokens DROP COLUMN names, DROP COLUMN era, DROP COLUMN version;
CREATE FUNCTION search_rows(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE sql STABLE AS $$
  SELECT t.document_id FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ in_all
  UNION ALL
  SELECT t.document_id FROM tokens t JOIN unnest(in_leaves) WITH ORDINALITY l(q, n) ON t.tsv @@ l.q
   WHERE t.user_id = app_user() AND t.tsv @@ in_any
   GROUP BY t.document_id HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;

CREATE FUNCTION search_matches(in_all tsquery, in_any tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY SELECT r.document_id FROM search_rows(in_all, in_any, in_leaves, in_shape) r;
END $$;

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

