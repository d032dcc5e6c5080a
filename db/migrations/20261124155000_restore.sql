-- migrate:up

-- For "docuvault restore", in its transaction, while nobody else can write: seals
-- up to in_limit entries (10,000 at most) that no seal covers, and says how many.
-- Entries of a backup have numbers of another cluster's transactions, below or
-- above those of this one; the mark is of this one, so that audit_seal goes on
-- from here.
CREATE FUNCTION audit_seal_restored(in_limit integer) RETURNS integer
  LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  none constant bytea := decode(repeat('00', 32), 'hex');
  last record;
  new audit_seals;
  covered int8multirange;
  hashes bytea[];
BEGIN
  SELECT s.number, s.hash INTO last FROM audit_seals s ORDER BY s.number DESC LIMIT 1;
  SELECT coalesce(range_agg(s.ranges), '{}') INTO covered FROM audit_seals s;
  SELECT array_agg(p.leaf ORDER BY p.xid, p.id), coalesce(range_agg(int8range(p.id, p.id, '[]')), '{}'), count(*), pg_snapshot_xmin(pg_current_snapshot())
    INTO hashes, new.ranges, new.count, new.mark_xid
    FROM (SELECT l.id, l.xid, audit_leaf(l) AS leaf FROM audit_log l WHERE NOT covered @> l.id
           ORDER BY l.xid, l.id LIMIT least(in_limit, 10000)) p;
  IF new.count = 0 THEN
    RETURN 0;
  END IF;
  new.mark_id := 0;
  new.number := coalesce(last.number, 0) + 1;
  new.previous := coalesce(last.hash, none);
  new.jump := coalesce((SELECT s.hash FROM audit_seals s WHERE s.number = new.number - (new.number & -new.number)), none);
  new.root := audit_root(hashes);
  new.leaves := (SELECT string_agg(h, ''::bytea ORDER BY i) FROM unnest(hashes) WITH ORDINALITY u(h, i));
  new.created_at := clock_timestamp();
  new.hash := audit_seal_hash(new);
  INSERT INTO audit_seals SELECT (new).*;
  INSERT INTO objects (key, kind, size)
    VALUES ('audit/head/' || to_char(new.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'audit_head', 132) ON CONFLICT DO NOTHING;
  RETURN new.count;
END $$;

-- migrate:down
DROP FUNCTION audit_seal_restored(integer);
