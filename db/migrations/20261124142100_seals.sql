-- migrate:up

-- The chain over the audit log. Entries are written without looking at each
-- other. A seal takes those that are final, in the order of (transaction, id),
-- makes one Merkle tree of them (RFC 6962) and links it to the seal before.
-- docs/audit.md has the byte form; shared/chain is the same in Go.

CREATE INDEX audit_log_order ON audit_log (xid, id);

CREATE TABLE audit_seals (
  number     bigint PRIMARY KEY CHECK (number > 0),
  previous   bytea NOT NULL UNIQUE, -- hash of number - 1: of two sealers at once, one loses
  jump       bytea NOT NULL, -- hash of number less its lowest bit: a short way back to any seal
  ranges     int8multirange NOT NULL, -- the ids of its entries, exactly
  count      integer NOT NULL,
  root       bytea NOT NULL,
  created_at timestamptz NOT NULL,
  mark_xid   xid8 NOT NULL, -- everything up to (mark_xid, mark_id) is sealed
  mark_id    bigint NOT NULL,
  hash       bytea NOT NULL,
  leaves     bytea NOT NULL -- 32 bytes an entry, in order: tells which one differs, and proves one without the others
);
CREATE INDEX audit_seals_ranges ON audit_seals USING gist (ranges);

-- A field in the byte form: its length in four bytes, then itself.
CREATE FUNCTION audit_field(bytea) RETURNS bytea
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN $1 IS NULL THEN '\xffffffff'::bytea ELSE int4send(octet_length($1)) || $1 END;
CREATE FUNCTION audit_micros(timestamptz) RETURNS bytea
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN int8send((extract(epoch FROM $1) * 1000000)::bigint);

CREATE FUNCTION audit_leaf(l audit_log) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN sha256('\x00'::bytea || audit_field('docuvault-audit-v1') || audit_field(int8send((l).id)) || audit_field(xid8send((l).xid))
    || audit_field(audit_micros((l).at)) || audit_field(uuid_send((l).user_id)) || audit_field(convert_to((l).actor, 'UTF8'))
    || audit_field(convert_to((l).action, 'UTF8')) || audit_field(uuid_send((l).target)) || audit_field((l).personal_mac)
    || audit_field(convert_to((l).metadata::text, 'UTF8')));

-- The root of RFC 6962, level by level: a node without a neighbour rises as it is.
CREATE FUNCTION audit_root(in_leaves bytea[]) RETURNS bytea
  LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  nodes bytea[] := in_leaves;
BEGIN
  WHILE cardinality(nodes) > 1 LOOP
    nodes := ARRAY(SELECT coalesce(sha256('\x01'::bytea || p.node || p.neighbour), p.node)
                     FROM (SELECT u.node, u.i, lead(u.node) OVER (ORDER BY u.i) AS neighbour
                             FROM unnest(nodes) WITH ORDINALITY u(node, i)) p
                    WHERE p.i % 2 = 1 ORDER BY p.i);
  END LOOP;
  RETURN coalesce(nodes[1], sha256(''));
END $$;

CREATE FUNCTION audit_seal_hash(s audit_seals) RETURNS bytea
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN sha256(audit_field('docuvault-seal-v1') || audit_field(int8send((s).number)) || audit_field((s).previous) || audit_field((s).jump)
    || audit_field(sha256(convert_to((s).ranges::text, 'UTF8'))) || audit_field(int4send((s).count)) || audit_field((s).root)
    || audit_field(audit_micros((s).created_at)) || audit_field(xid8send((s).mark_xid)) || audit_field(int8send((s).mark_id)));

-- Makes the next seal of up to in_limit entries (10,000 at most) and says how
-- many it took; no row: there was nothing to seal, or another sealer was faster.
--
-- What it takes is below the oldest running transaction, so that nothing can
-- come before it any more. A database that was restored from a dump into a new
-- cluster has transactions with lower numbers than the mark: then all that no
-- seal covers is looked for once, entries with numbers that are still to come
-- included (a row that is visible and has one is from elsewhere), and a seal is
-- made even if there is none, for its mark.
CREATE FUNCTION audit_seal(in_limit integer) RETURNS TABLE (sealed bigint, entries integer)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  at_most constant integer := least(in_limit, 10000);
  none constant bytea := decode(repeat('00', 32), 'hex');
  last record;
  new audit_seals;
  covered int8multirange;
  ids bigint[];
  xids xid8[];
  hashes bytea[];
  restored boolean;
BEGIN
  SELECT s.number, s.hash, s.mark_xid, s.mark_id INTO last FROM audit_seals s ORDER BY s.number DESC LIMIT 1;
  IF NOT FOUND THEN
    SELECT 0::bigint AS number, none AS hash, '0'::xid8 AS mark_xid, 0::bigint AS mark_id INTO last;
  END IF;
  restored := pg_snapshot_xmax(pg_current_snapshot()) < last.mark_xid;
  -- The mark is of the same statement, and so of the same snapshot, as the entries.
  IF restored THEN
    SELECT coalesce(range_agg(s.ranges), '{}') INTO covered FROM audit_seals s;
    SELECT array_agg(p.id ORDER BY p.xid, p.id), array_agg(p.leaf ORDER BY p.xid, p.id),
           coalesce(range_agg(int8range(p.id, p.id, '[]')), '{}'), pg_snapshot_xmin(pg_current_snapshot())
      INTO ids, hashes, new.ranges, new.mark_xid
      FROM (SELECT l.id, l.xid, audit_leaf(l) AS leaf FROM audit_log l
             WHERE (l.xid < pg_snapshot_xmin(pg_current_snapshot()) OR l.xid >= pg_snapshot_xmax(pg_current_snapshot()))
               AND NOT covered @> l.id
             ORDER BY l.xid, l.id LIMIT at_most) p;
    new.mark_id := 0;
    IF cardinality(ids) = at_most THEN -- there may be more: look in the same way again
      new.mark_xid := last.mark_xid;
      new.mark_id := last.mark_id;
    END IF;
  ELSE
    SELECT array_agg(p.id ORDER BY p.xid, p.id), array_agg(p.xid ORDER BY p.xid, p.id), array_agg(p.leaf ORDER BY p.xid, p.id),
           coalesce(range_agg(int8range(p.id, p.id, '[]')), '{}'), pg_snapshot_xmin(pg_current_snapshot())
      INTO ids, xids, hashes, new.ranges, new.mark_xid
      FROM (SELECT l.id, l.xid, audit_leaf(l) AS leaf FROM audit_log l
             WHERE (l.xid, l.id) > (last.mark_xid, last.mark_id) AND l.xid < pg_snapshot_xmin(pg_current_snapshot())
               AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.ranges @> l.id) -- from before a restore
             ORDER BY l.xid, l.id LIMIT at_most) p;
    new.mark_id := 0;
    IF cardinality(ids) = at_most THEN
      new.mark_xid := xids[at_most];
      new.mark_id := ids[at_most];
    END IF;
  END IF;
  new.count := coalesce(cardinality(ids), 0);
  IF new.count = 0 AND NOT restored THEN
    RETURN;
  END IF;
  new.number := last.number + 1;
  new.previous := last.hash;
  new.jump := coalesce((SELECT s.hash FROM audit_seals s WHERE s.number = new.number - (new.number & -new.number)), none);
  new.root := audit_root(hashes);
  new.leaves := coalesce((SELECT string_agg(h, ''::bytea ORDER BY i) FROM unnest(hashes) WITH ORDINALITY u(h, i)), ''::bytea);
  new.created_at := clock_timestamp();
  new.hash := audit_seal_hash(new);
  INSERT INTO audit_seals SELECT (new).* ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- The day's head has its row before its object, so that no process that dies
  -- in between leaves an object that nobody knows.
  INSERT INTO objects (key, kind, size)
    VALUES ('audit/head/' || to_char(new.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'audit_head', 132) ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT new.number, new.count;
END $$;

-- Heads belong to nobody, and to nobody else.
ALTER TABLE objects ALTER COLUMN user_id DROP NOT NULL,
  ADD CONSTRAINT objects_owner CHECK ((kind = 'audit_head') = (user_id IS NULL));
CREATE POLICY heads ON objects FOR INSERT TO docuvault_migrate WITH CHECK (kind = 'audit_head' AND user_id IS NULL);

GRANT SELECT ON audit_seals TO docuvault_app;
GRANT EXECUTE ON FUNCTION audit_seal(integer) TO docuvault_app;

-- migrate:down
DROP POLICY heads ON objects;
ALTER TABLE objects NO FORCE ROW LEVEL SECURITY;
DELETE FROM objects WHERE kind = 'audit_head';
ALTER TABLE objects FORCE ROW LEVEL SECURITY;
ALTER TABLE objects DROP CONSTRAINT objects_owner, ALTER COLUMN user_id SET NOT NULL;
DROP FUNCTION audit_seal(integer);
DROP FUNCTION audit_seal_hash(audit_seals);
DROP FUNCTION audit_root(bytea[]);
DROP FUNCTION audit_leaf(audit_log);
DROP FUNCTION audit_micros(timestamptz);
DROP FUNCTION audit_field(bytea);
DROP TABLE audit_seals;
DROP INDEX audit_log_order;
