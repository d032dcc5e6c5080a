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

-- The tokens that say an era: its own, and one that it shares with the nine
-- beside it, whose numbers are -1, -2, … The index starts from what is fewest:
-- it would read fifty eras for a word that is in a thousand documents.
CREATE FUNCTION era_marks(in_user uuid, in_era integer) RETURNS text[]
  LANGUAGE sql IMMUTABLE AS $$ SELECT ARRAY[era_token(in_user, in_era), era_token(in_user, -1 - in_era / 10)] $$;

-- A query for the tokens of the eras from in_low to in_high, and perhaps some
-- next to them.
CREATE FUNCTION era_tokens(in_low integer, in_high integer) RETURNS tsquery
  LANGUAGE sql STABLE AS $$
  SELECT string_agg('''' || era_token(app_user(), CASE WHEN in_high - in_low < 6 THEN e ELSE -1 - e END) || '''', '|')::tsquery
    FROM generate_series(CASE WHEN in_high - in_low < 6 THEN in_low ELSE in_low / 10 END, CASE WHEN in_high - in_low < 6 THEN in_high ELSE in_high / 10 END) e
$$;

-- A row of tokens: those of the text, which have weight D, of the names, and of
-- the era. Other than ||, which moves the places of what stands on its right,
-- the text form merges tsvectors as they are.
CREATE FUNCTION compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) RETURNS tsvector
  LANGUAGE sql STABLE AS $$
  SELECT (ts_filter(in_text, '{d}')::text || ' ' || array_to_string(in_names, ' ') || ' ''' || array_to_string(era_marks(in_user, in_era), ''' ''') || '''')::tsvector
$$;

-- What is there gets its era now; its names are split by field when the
-- reconciler has it indexed anew, since its version is 0.
DO $$
DECLARE
  u uuid;
BEGIN
  FOR u IN SELECT id FROM users LOOP
    PERFORM set_config('app.user_id', u::text, true);
    UPDATE tokens t SET era = n.era, tsv = t.tsv || array_to_tsvector(era_marks(u, n.era))
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

-- A query comes in two forms. The exact one is in_all, for the one row of tokens
-- that most documents have, and for a document of several rows in_leaves and
-- in_shape, which says what leaves it needs, by the names l1, l2, … The loose
-- one has AND for a phrase, and nothing for a phrase that is not wanted: it
-- finds all that the exact one does and perhaps more, but from the index alone.
-- Places of words lie in the tokens, and reading those of one document costs as
-- much as finding ten.

-- Those of the documents in in_ids, which may be any, that a query finds. The
-- index of words could only mislead here, so OFFSET keeps it away.
CREATE FUNCTION search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE (document_id uuid)
  LANGUAGE sql STABLE AS $$
  SELECT t.document_id FROM (SELECT o.document_id, o.user_id, o.tsv FROM tokens o WHERE o.document_id = ANY (in_ids) AND o.part = 0 OFFSET 0) t
   WHERE t.user_id = app_user() AND t.tsv @@ in_all
  UNION ALL
  SELECT t.document_id
    FROM (SELECT o.document_id, o.user_id, o.tsv FROM tokens second JOIN tokens o ON o.document_id = second.document_id
           WHERE second.document_id = ANY (in_ids) AND second.part = 1 OFFSET 0) t
    JOIN unnest(in_leaves) WITH ORDINALITY l(q, n) ON t.tsv @@ l.q
   WHERE t.user_id = app_user()
   GROUP BY t.document_id HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;

-- The documents of this transaction's user, in any state, that a loose query
-- finds and that have in_also (NULL: anything) in each row. For the two
-- functions below, into which PostgreSQL inlines it. Their plans are kept for
-- all users of a connection, and made for its first, who may have little:
-- OFFSET keeps them from reading all of a user and looking for words in that.
CREATE FUNCTION search_rows(in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_also tsquery) RETURNS TABLE (document_id uuid, era integer)
  LANGUAGE sql STABLE AS $$
  SELECT t.document_id, t.era FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ coalesce(in_all && in_also, in_all)
  UNION ALL
  SELECT t.document_id, t.era FROM unnest(in_leaves) WITH ORDINALITY l(q, n)
   CROSS JOIN LATERAL (SELECT o.document_id, o.era FROM tokens o WHERE o.user_id = app_user() AND o.tsv @@ coalesce(l.q && in_also, l.q) OFFSET 0) t
   GROUP BY t.document_id, t.era HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;

-- All documents that a query finds, in any state, if they are no more than
-- in_most; NULL if they are, as far as the loose query and the newest tell.
CREATE FUNCTION search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery,
    in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer) RETURNS uuid[]
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  newest CONSTANT integer := newest_era();
  sample CONSTANT tsquery := era_tokens(newest - 1, newest);
  found uuid[];
BEGIN
  IF newest > 4 AND (SELECT count(*) * (newest + 1) / 2 > 2 * in_most FROM search_rows(in_loose, in_loose_leaves, in_loose_shape, sample)) THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(array_agg(f.document_id), '{}') INTO found FROM (
    SELECT r.document_id FROM search_rows(in_loose, in_loose_leaves, in_loose_shape, NULL) r LIMIT in_most + 1) f;
  IF cardinality(found) > in_most THEN
    RETURN NULL;
  END IF;
  IF in_loose = in_all THEN
    RETURN found;
  END IF;
  RETURN ARRAY(SELECT m.document_id FROM search_among(found, in_all, in_leaves, in_shape) m);
END $$;

-- One page of what a query finds outside the trash. Tier 1 are documents with a
-- word in a name (one of in_names holds), tier 2 the others. In a tier, the
-- newest 100 documents that match are the first window, the 100 before them the
-- second, and so on; in a window the best come first: by how many of in_names
-- hold, then by how close together and how often in_near holds, then the
-- newest. Where the loose query finds more than the exact one, documents are
-- looked at in their order, and the window ends as soon as it fills a page. So
-- a page reads the tokens of a bounded number of documents, however many match.
-- The columns of a row are where a next page goes on. After 2,000 documents were
-- looked at, or 10,000 while none matched, a page ends with a row that has no
-- document. One plan does for every query, and to make a new one each time would
-- cost more than most searches.
--
-- in_pass is the shape of the filters in in_kinds to in_members, as
-- search_passing has them (20261124151000); NULL for none. What the words find is
-- then looked at as it is for a phrase. in_only are all documents that can pass,
-- if they are few: they are tried on the words instead. in_statuses are those of
-- the documents that are shown.
CREATE FUNCTION search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery,
    in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[],
    in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer,
    in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery)
  RETURNS TABLE (document_id uuid, rank integer, tier integer, top_era integer, top_id uuid, floor_era integer, floor_id uuid)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  window_size CONSTANT integer := 100;
  newest CONSTANT integer := newest_era();
  phrases CONSTANT boolean := in_loose <> in_all;
  exact CONSTANT boolean := in_only IS NOT NULL OR NOT phrases AND in_pass IS NULL;
  only_found uuid[];
  -- How many documents are read from the index at once, if so many are there,
  -- and how many will do: the first time as many as may fill a page.
  chunk CONSTANT integer := CASE WHEN exact THEN window_size ELSE 1000 END;
  enough integer := window_size;
  named CONSTANT tsquery := (SELECT string_agg('(' || q::text || ')', '|')::tsquery FROM unnest(in_names) q);
  known boolean;
  also tsquery;
  high integer;
  low integer;
  span integer := 2;
  pool uuid[] := '{}'; -- what was read, newest first
  pool_eras integer[];
  at integer := 0; -- how much of it was used
  take integer;
  found uuid[];
  part uuid[];
  read integer := 0;
  shown integer := 0;
BEGIN
  IF in_only IS NOT NULL THEN
    only_found := ARRAY(SELECT p.document_id FROM search_passing(in_only, in_kinds, in_lows, in_highs, in_members, in_pass) p);
    only_found := ARRAY(SELECT m.document_id FROM search_among(only_found, in_all, in_leaves, in_shape) m);
  END IF;
  tier := coalesce(in_tier, 1);
  top_era := coalesce(in_top_era, 2147483647); top_id := coalesce(in_top, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  floor_era := in_floor_era; floor_id := in_floor;
  LOOP
    -- From here to the end of the loop: one window.
    known := floor_era IS NOT NULL;
    IF at = cardinality(pool) AND in_only IS NOT NULL THEN
      low := 0;
      also := CASE tier WHEN 1 THEN named ELSE !! named END;
      SELECT coalesce(array_agg(f.document_id), '{}'), array_agg(f.era) INTO pool, pool_eras FROM (
        SELECT r.document_id, r.era FROM (
          SELECT t.document_id, t.era, t.user_id, t.tsv FROM tokens t WHERE t.document_id = ANY (only_found) AND t.part = 0 OFFSET 0) r
         WHERE r.user_id = app_user() AND r.tsv @@ also AND (r.era, r.document_id) < (top_era, top_id) AND (NOT known OR (r.era, r.document_id) >= (floor_era, floor_id))
         ORDER BY r.era DESC, r.document_id DESC LIMIT CASE WHEN NOT known THEN chunk END) f;
      at := 0;
    ELSIF at = cardinality(pool) THEN
      high := least(top_era, newest);
      -- The newest two eras first; of a word that they hardly have, all; else as
      -- many as will do if the older ones are like them.
      span := CASE WHEN known THEN high - floor_era + 1 WHEN high < 4 THEN high + 1 ELSE greatest(span, 2) END;
      LOOP
        low := greatest(high - span + 1, 0);
        also := CASE tier WHEN 1 THEN named ELSE !! named END;
        IF span > 100 AND NOT known THEN
          low := 0;
        ELSIF low > 0 AND span <= 100 THEN
          also := also && era_tokens(low, high);
        END IF;
        SELECT coalesce(array_agg(f.document_id), '{}'), array_agg(f.era) INTO pool, pool_eras FROM (
          SELECT r.document_id, r.era FROM search_rows(in_loose, in_loose_leaves, in_loose_shape, also) r
           WHERE (r.era, r.document_id) < (top_era, top_id) AND r.era >= low AND (NOT known OR (r.era, r.document_id) >= (floor_era, floor_id))
           ORDER BY r.era DESC, r.document_id DESC LIMIT CASE WHEN NOT known THEN chunk END) f;
        EXIT WHEN known OR low = 0 OR cardinality(pool) >= enough;
        span := CASE WHEN cardinality(pool) = 0 THEN high + 1
                     ELSE least(high + 1, greatest(3 * span, span * 3 * enough / 2 / cardinality(pool))) END;
      END LOOP;
      at := 0;
      enough := 4 * window_size;
    END IF;
    found := '{}';
    WHILE at < cardinality(pool) LOOP
      take := least(window_size, cardinality(pool) - at);
      IF exact THEN
        found := found || pool[at + 1 : at + take];
      ELSE
        part := pool[at + 1 : at + take];
        IF in_pass IS NOT NULL THEN
          part := ARRAY(SELECT p.document_id FROM search_passing(part, in_kinds, in_lows, in_highs, in_members, in_pass) p);
        END IF;
        IF phrases THEN
          part := ARRAY(SELECT m.document_id FROM search_among(part, in_all, in_leaves, in_shape) m);
        END IF;
        found := found || part;
        read := read + take;
      END IF;
      at := at + take;
      EXIT WHEN NOT known AND (exact OR cardinality(found) >= in_limit OR read >= 2000 AND (read >= 10000 OR shown > 0 OR cardinality(found) > 0));
    END LOOP;
    IF NOT known THEN
      IF at > 0 AND (at < cardinality(pool) OR at = chunk) THEN
        floor_era := pool_eras[at]; floor_id := pool[at];
      ELSE -- all that was read is used
        floor_era := CASE WHEN low > 0 THEN low ELSE -1 END; floor_id := '00000000-0000-0000-0000-000000000000';
      END IF;
    END IF;
    FOR document_id, rank IN
      SELECT s.id, s.rank FROM (
        SELECT t.document_id AS id,
               max(CASE WHEN tier = 1 AND t.part = 0 THEN 1000 * (SELECT count(*) FROM unnest(in_names) q WHERE v.tsv @@ q) ELSE 0 END)::integer
               + max(floor(100 * ts_rank_cd('{0.1,1,1,1}', v.tsv, in_near, 32)))::integer AS rank
          -- By their ids and nothing else, hence OFFSET: the index of words would
          -- be read for all that the user has.
          FROM (SELECT o.document_id, o.part, o.user_id, o.tsv FROM tokens o WHERE o.document_id = ANY (found) OFFSET 0) t
            JOIN documents d ON d.id = t.document_id
            -- Read from where it lies once, not for each use.
            CROSS JOIN LATERAL (SELECT CASE tier WHEN 1 THEN t.tsv || ''::tsvector ELSE t.tsv END AS tsv OFFSET 0) v
         WHERE t.user_id = app_user() AND d.status = ANY (in_statuses)
         GROUP BY t.document_id) s
       WHERE in_id IS NULL OR (s.rank, s.id) < (in_rank, in_id) ORDER BY s.rank DESC, s.id DESC LIMIT in_limit - shown
    LOOP
      RETURN NEXT;
      shown := shown + 1;
    END LOOP;
    EXIT WHEN shown = in_limit OR tier = 2 AND floor_era < 0;
    IF floor_era < 0 THEN
      tier := 2; top_era := 2147483647; top_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      pool := '{}'; at := 0; span := 2; enough := window_size;
    ELSE
      top_era := floor_era; top_id := floor_id;
    END IF;
    floor_era := NULL; floor_id := NULL; in_id := NULL;
    IF read >= 2000 AND (read >= 10000 OR shown > 0) THEN
      document_id := NULL; rank := NULL;
      RETURN NEXT;
      EXIT;
    END IF;
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

GRANT EXECUTE ON FUNCTION next_era(), newest_era(), era_token(uuid, integer), era_marks(uuid, integer), compose_tokens(tsvector, tsvector[], uuid, integer),
  stale_tokens(integer, uuid, integer), search_among(uuid[], tsquery, tsquery[], tsquery),
  search_few(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, integer),
  search_page(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, integer, uuid, integer, uuid, integer, uuid, integer,
  text[], uuid[], text[], bigint[], bigint[], text[], tsquery) TO docuvault_app;

-- migrate:down
DROP FUNCTION stale_tokens(integer, uuid, integer);
DROP FUNCTION search_page(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, integer, uuid, integer, uuid, integer, uuid, integer,
  text[], uuid[], text[], bigint[], bigint[], text[], tsquery);
DROP FUNCTION search_few(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, integer);
DROP FUNCTION search_rows(tsquery, tsquery[], tsquery, tsquery);
DROP FUNCTION search_among(uuid[], tsquery, tsquery[], tsquery);
DROP FUNCTION era_tokens(integer, integer);
DROP FUNCTION compose_tokens(tsvector, tsvector[], uuid, integer);
DROP FUNCTION era_marks(uuid, integer);
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

