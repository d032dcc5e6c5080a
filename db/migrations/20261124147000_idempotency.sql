-- migrate:up

-- A client that got no answer to a change repeats it under the same
-- Idempotency-Key. Every change writes an entry of the audit log in its own
-- transaction; the key is written with that entry. So a change and its key are
-- there together or not at all, whenever a process dies, and what changed
-- nothing leaves no key.

-- Opens each transaction of a request that came with a key. Raises DV021 while
-- another request with the key is in a transaction, DV022 when the key came
-- before with another request, and DV023, with when that was and the id of what it
-- changed, when this request was done before. Otherwise the next entry takes the key.
CREATE FUNCTION claim_key(in_key bytea, in_request bytea, in_status integer) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  done record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || app_user() || encode(in_key, 'hex'), 0)) THEN
    RAISE EXCEPTION 'a request with this key is being worked on' USING ERRCODE = 'DV021';
  END IF;
  DELETE FROM idempotency WHERE user_id = app_user() AND key_hash = in_key AND created_at < clock_timestamp() - interval '24 hours';
  -- A new snapshot: whoever held the lock before us has committed.
  SELECT request_hash, resource_id, created_at INTO done FROM idempotency WHERE user_id = app_user() AND key_hash = in_key;
  IF FOUND AND done.request_hash <> in_request THEN
    RAISE EXCEPTION 'this key came before with another request' USING ERRCODE = 'DV022';
  ELSIF FOUND THEN
    RAISE EXCEPTION 'done before' USING ERRCODE = 'DV023',
      DETAIL = concat_ws(' ', (extract(epoch FROM done.created_at) * 1000000)::bigint, done.resource_id);
  END IF;
  PERFORM set_config('app.claim', encode(in_key, 'hex') || ' ' || encode(in_request, 'hex') || ' ' || in_status, true);
END $$;

CREATE FUNCTION take_key() RETURNS trigger
  LANGUAGE plpgsql AS $$
DECLARE
  claim text[] := string_to_array(NULLIF(current_setting('app.claim', true), ''), ' ');
BEGIN
  IF claim IS NOT NULL THEN -- an earlier row of the same statement may have taken it
    PERFORM set_config('app.claim', '', true);
    INSERT INTO idempotency (user_id, key_hash, request_hash, status, resource_id)
      VALUES (app_user(), decode(claim[1], 'hex'), decode(claim[2], 'hex'), claim[3]::integer, NEW.target);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER take_key AFTER INSERT ON audit_log FOR EACH ROW
  WHEN (NULLIF(current_setting('app.claim', true), '') IS NOT NULL) EXECUTE FUNCTION take_key();

REVOKE ALL ON FUNCTION claim_key(bytea, bytea, integer), take_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_key(bytea, bytea, integer) TO docuvault_app;

-- migrate:down
DROP TRIGGER take_key ON audit_log;
DROP FUNCTION take_key();
DROP FUNCTION claim_key(bytea, bytea, integer);
