-- migrate:up

-- The end of an account. DELETE /v1/me closes it in one transaction
-- (begin_erasure): sessions, wrapped keys, credentials and quota go at once, and
-- with them every right. What storage holds, and what is left of rows, is
-- removed by a worker, which the row in erasures makes go on after any death.

ALTER TABLE users
  ADD COLUMN deleted_at timestamptz,
  ALTER COLUMN email DROP NOT NULL,
  -- A closed account gives its address free, and whoever looks whether it is
  -- disabled (sessions, tokens) finds that it is.
  ADD CONSTRAINT users_deleted CHECK (CASE WHEN deleted_at IS NULL THEN email IS NOT NULL
    ELSE email IS NULL AND display_name = '' AND disabled_at IS NOT NULL END);

-- One row for each account that is going or has gone, until nothing of it can
-- arrive any more: a PUT may end after its account.
CREATE TABLE erasures (
  user_id      uuid PRIMARY KEY, -- no foreign key: it outlives the account
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  erased_at    timestamptz, -- when the account's last row went
  next_due_at  timestamptz NOT NULL DEFAULT clock_timestamp() + interval '1 minute'
);
CREATE INDEX erasures_due ON erasures (next_due_at);
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON erasures USING (user_id = NULLIF(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY owner_reads ON erasures FOR SELECT TO docuvault_migrate USING (true);

-- What is personal in the log goes with its account, whoever writes it when.
ALTER TABLE audit_personal ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;

-- Raises DV005 if nobody but this account could administer the vault. Holds
-- other callers until the transaction ends: of the last two, one stays.
CREATE FUNCTION require_other_admin(in_user uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('docuvault.last_admin'));
  IF EXISTS (SELECT FROM users WHERE id = in_user AND role = 'admin' AND disabled_at IS NULL)
     AND NOT EXISTS (SELECT FROM users WHERE id <> in_user AND role = 'admin' AND disabled_at IS NULL) THEN
    RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'DV005';
  END IF;
END $$;

-- Deletes up to in_limit rows of the acting account from each table that has a
-- user_id, and says how many. The tables come from the catalogue, so that one
-- made later is not forgotten. Left out: what outlives accounts (audit_log,
-- erasures), what goes only after its objects (documents, objects), and tables
-- that others refer to, whose rows go with the account itself.
CREATE FUNCTION erase_rows(in_limit integer) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  t record;
  n bigint;
  total bigint := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM erasures WHERE user_id = app_user()) THEN
    RAISE EXCEPTION 'this account is not being deleted';
  END IF;
  FOR t IN SELECT c.relname FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
              AND c.relname NOT IN ('audit_log', 'erasures', 'documents', 'objects')
              AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.oid)
            ORDER BY c.relname
  LOOP
    EXECUTE format('DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I WHERE user_id = $1 LIMIT $2))', t.relname)
      USING app_user(), in_limit;
    GET DIAGNOSTICS n = ROW_COUNT;
    total := total + n;
  END LOOP;
  RETURN total;
END $$;

-- Closes the acting account: DV001 when it is closed already.
CREATE FUNCTION begin_erasure() RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_other_admin(app_user());
  INSERT INTO erasures (user_id) VALUES (app_user()) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'session ended' USING ERRCODE = 'DV001';
  END IF;
  -- Without its quota no upload begins any more: whoever reserves waits for
  -- this row. Sessions and keys to the last one, whatever the limit below.
  DELETE FROM quotas WHERE user_id = app_user();
  DELETE FROM sessions WHERE user_id = app_user();
  DELETE FROM user_keys WHERE user_id = app_user();
  DELETE FROM credentials WHERE user_id = app_user();
  PERFORM erase_rows(1000);
  -- Last, since others hold its row while they wait for the rows above.
  UPDATE users SET deleted_at = clock_timestamp(), disabled_at = coalesce(disabled_at, clock_timestamp()),
         email = NULL, email_verified_at = NULL, display_name = ''
   WHERE id = app_user() AND deleted_at IS NULL;
END $$;

-- Deletes the account's row, and by that all that refers to it; false when it
-- is gone. A document or object that is left stops it: its bytes go first.
CREATE FUNCTION finish_erasure() RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM users WHERE id = app_user() AND deleted_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE erasures SET erased_at = clock_timestamp(), next_due_at = clock_timestamp() + interval '1 minute' WHERE user_id = app_user();
  RETURN true;
END $$;

-- Accounts whose erasure goes on now.
CREATE FUNCTION due_erasures(in_limit integer) RETURNS TABLE (user_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT e.user_id FROM erasures e WHERE e.next_due_at <= clock_timestamp() ORDER BY e.next_due_at LIMIT in_limit;
  END;

-- Documents of closed accounts are the erasure's, not the reconciler's.
CREATE OR REPLACE FUNCTION due_documents(in_limit integer) RETURNS TABLE (user_id uuid, document_id uuid, status text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT d.user_id, d.id, d.status FROM documents d
     WHERE d.next_due_at <= clock_timestamp() AND NOT EXISTS (SELECT FROM erasures e WHERE e.user_id = d.user_id)
     ORDER BY d.next_due_at LIMIT in_limit;
  END;

CREATE OR REPLACE FUNCTION user_ids(in_after uuid, in_limit integer) RETURNS TABLE (user_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT u.id FROM users u WHERE u.id > in_after AND u.deleted_at IS NULL ORDER BY u.id LIMIT in_limit;
  END;

REVOKE DELETE ON users FROM docuvault_app;
GRANT SELECT, DELETE ON erasures TO docuvault_app;
GRANT UPDATE (next_due_at) ON erasures TO docuvault_app;
GRANT EXECUTE ON FUNCTION begin_erasure(), erase_rows(integer), finish_erasure(), due_erasures(integer) TO docuvault_app;

-- migrate:down
CREATE OR REPLACE FUNCTION user_ids(in_after uuid, in_limit integer) RETURNS TABLE (user_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT u.id FROM users u WHERE u.id > in_after ORDER BY u.id LIMIT in_limit;
  END;
CREATE OR REPLACE FUNCTION due_documents(in_limit integer) RETURNS TABLE (user_id uuid, document_id uuid, status text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT d.user_id, d.id, d.status FROM documents d
     WHERE d.next_due_at <= clock_timestamp() ORDER BY d.next_due_at LIMIT in_limit;
  END;
DROP FUNCTION due_erasures(integer);
DROP FUNCTION finish_erasure();
DROP FUNCTION begin_erasure();
DROP FUNCTION erase_rows(integer);
DROP FUNCTION require_other_admin(uuid);
ALTER TABLE audit_personal DROP CONSTRAINT audit_personal_user_id_fkey;
DROP TABLE erasures;
ALTER TABLE users DROP CONSTRAINT users_deleted, ALTER COLUMN email SET NOT NULL, DROP COLUMN deleted_at;
GRANT DELETE ON users TO docuvault_app;
