-- migrate:up

-- The second factor, recovery codes and API tokens.

-- A TOTP secret counts from its confirmation on. last_step is the time step
-- (RFC 6238: seconds since 1970 divided by 30) of the last code that was
-- accepted: only a later one is accepted again.
ALTER TABLE credentials
  ADD COLUMN confirmed_at timestamptz CHECK (confirmed_at IS NULL OR kind = 'totp'),
  ADD COLUMN last_step    bigint CHECK (last_step IS NULL OR kind = 'totp');
GRANT UPDATE (confirmed_at, last_step) ON credentials TO docuvault_app;

-- 120 random bits each, so that a plain hash will do (ASVS 5.0 item 6.5.2).
CREATE TABLE recovery_codes (
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  hash    bytea NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (user_id, hash)
);

-- hash is the SHA-256 of 256 random bits, which are shown once.
CREATE TABLE api_tokens (
  id           uuid PRIMARY KEY,
  user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name_sealed  bytea NOT NULL,
  hash         bytea NOT NULL UNIQUE,
  scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['upload', 'read', 'write']),
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz NOT NULL,
  last_used_at timestamptz
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['recovery_codes', 'api_tokens'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant ON %I USING (user_id = NULLIF(current_setting(''app.user_id'', true), '''')::uuid)', t);
    EXECUTE format('CREATE POLICY owner_reads ON %I FOR SELECT TO docuvault_migrate USING (true)', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT, DELETE ON recovery_codes, api_tokens TO docuvault_app;
GRANT UPDATE (used_at) ON recovery_codes TO docuvault_app;
GRANT UPDATE (last_used_at) ON api_tokens TO docuvault_app;

-- Whose token it is crosses users by nature. Whether it still counts is asked
-- in the batch of the statement that it is used for.
CREATE FUNCTION token_lookup(in_hash bytea) RETURNS TABLE (token_id uuid, user_id uuid, scopes text[])
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT t.id, t.user_id, t.scopes FROM api_tokens t WHERE t.hash = in_hash;
  END;

-- What check_session is for a session: DV006 aborts the batch. The time of the
-- last use is kept to a minute, so that a busy script does not write each time.
CREATE FUNCTION check_token(in_token uuid) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM api_tokens t JOIN users u ON u.id = t.user_id
                  WHERE t.id = in_token AND t.user_id = app_user() AND t.expires_at > clock_timestamp() AND u.disabled_at IS NULL) THEN
    RAISE EXCEPTION 'token ended' USING ERRCODE = 'DV006';
  END IF;
  UPDATE api_tokens SET last_used_at = clock_timestamp()
   WHERE id = in_token AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute');
END $$;
REVOKE EXECUTE ON FUNCTION token_lookup(bytea), check_token(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION token_lookup(bytea), check_token(uuid) TO docuvault_app;

ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check CHECK (kind IN (
  'refresh_replayed', 'new_device', 'quota_80', 'quota_95', 'password_changed',
  'totp_enabled', 'totp_disabled', 'recovery_code_used', 'token_created'));

-- migrate:down
DELETE FROM alerts WHERE kind IN ('totp_enabled', 'totp_disabled', 'recovery_code_used', 'token_created');
ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check CHECK (kind IN (
  'refresh_replayed', 'new_device', 'quota_80', 'quota_95', 'password_changed'));
DROP FUNCTION check_token(uuid);
DROP FUNCTION token_lookup(bytea);
DROP TABLE api_tokens, recovery_codes;
ALTER TABLE credentials DROP COLUMN last_step, DROP COLUMN confirmed_at;
