-- migrate:up

-- Mails that accounts are owed. The row is written by the statement of the
-- event itself, once; queue messages only name it.

-- A UUIDv7 (RFC 9562) for rows that a trigger makes; PostgreSQL has one of its
-- own from 18 on.
CREATE FUNCTION make_id() RETURNS uuid
  LANGUAGE sql VOLATILE
  RETURN encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid;

ALTER TABLE users ADD COLUMN password_reset_by_mail boolean NOT NULL DEFAULT true;
GRANT UPDATE (email_verified_at, password_reset_by_mail) ON users TO docuvault_app;

CREATE TABLE mails (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind        text NOT NULL CHECK (kind IN ('verify', 'register_repeated', 'reset', 'reset_off', 'password_changed', 'password_reset',
                'new_device', 'refresh_replayed', 'quota_80', 'quota_95')),
  dedupe      text NOT NULL CHECK (length(dedupe) <= 100), -- names the event, as an id
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_due_at timestamptz DEFAULT clock_timestamp(),
  attempts    integer NOT NULL DEFAULT 0,
  claimed_at  timestamptz, -- written before the mail is handed over: it is not sent again
  sent_at     timestamptz,
  token_hash  bytea,       -- SHA-256 of the token in its link; gone when it was used
  expires_at  timestamptz, -- of that token
  phc         text,        -- the password of the registration that this mail confirms
  UNIQUE (user_id, kind, dedupe),
  CHECK (claimed_at IS NULL OR next_due_at IS NULL),
  CHECK ((token_hash IS NULL) = (expires_at IS NULL)),
  CHECK (token_hash IS NULL OR kind IN ('verify', 'reset')),
  CHECK (phc IS NULL OR kind = 'verify')
);
CREATE INDEX mails_due ON mails (next_due_at) WHERE next_due_at IS NOT NULL;
ALTER TABLE mails ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mails USING (user_id = NULLIF(current_setting('app.user_id', true), '')::uuid);
CREATE POLICY owner_reads ON mails FOR SELECT TO docuvault_migrate USING (true);
GRANT SELECT, DELETE ON mails TO docuvault_app;
GRANT INSERT (id, user_id, kind, dedupe, phc) ON mails TO docuvault_app;
GRANT UPDATE (next_due_at, attempts, claimed_at, sent_at, token_hash, expires_at, phc) ON mails TO docuvault_app;

-- Mails of any user that are due, for the reconciler.
CREATE FUNCTION due_mails(in_limit integer) RETURNS TABLE (user_id uuid, mail_id uuid)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT m.user_id, m.id FROM mails m WHERE m.next_due_at <= clock_timestamp() ORDER BY m.next_due_at LIMIT in_limit;
  END;

ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check CHECK (kind IN (
  'refresh_replayed', 'new_device', 'quota_80', 'quota_95', 'password_changed', 'password_reset',
  'totp_enabled', 'totp_disabled', 'recovery_code_used', 'token_created'));

-- Whoever makes a quota fuller (an upload) or smaller (an administrator), the
-- owner hears when it crosses 80 and 95 percent: once each time, and of the
-- higher one if it crosses both. Fallen below, it can cross again. Written
-- without a product, which could be too large a number.
CREATE FUNCTION quota_crossed() RETURNS trigger
  LANGUAGE plpgsql AS $$
DECLARE
  crossed text := CASE
    WHEN NEW.used_bytes >= NEW.limit_bytes - NEW.limit_bytes / 20 AND OLD.used_bytes < OLD.limit_bytes - OLD.limit_bytes / 20 THEN 'quota_95'
    WHEN NEW.used_bytes >= NEW.limit_bytes - NEW.limit_bytes / 5 AND OLD.used_bytes < OLD.limit_bytes - OLD.limit_bytes / 5 THEN 'quota_80'
  END;
  event uuid := make_id();
BEGIN
  IF crossed IS NOT NULL THEN
    INSERT INTO alerts (id, user_id, kind) VALUES (event, NEW.user_id, crossed);
    INSERT INTO mails (id, user_id, kind, dedupe) VALUES (event, NEW.user_id, crossed, event::text);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER quota_crossed AFTER UPDATE OF used_bytes, limit_bytes ON quotas FOR EACH ROW
  WHEN (NEW.used_bytes > OLD.used_bytes OR NEW.limit_bytes < OLD.limit_bytes) EXECUTE FUNCTION quota_crossed();
CREATE POLICY admin_writes ON alerts FOR INSERT TO docuvault_migrate WITH CHECK (user_id = admin_target());
CREATE POLICY admin_writes ON mails FOR INSERT TO docuvault_migrate WITH CHECK (user_id = admin_target());

REVOKE EXECUTE ON FUNCTION make_id(), due_mails(integer), quota_crossed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_id(), due_mails(integer) TO docuvault_app;

-- migrate:down
DROP POLICY admin_writes ON alerts;
DROP TRIGGER quota_crossed ON quotas;
DROP FUNCTION quota_crossed();
DELETE FROM alerts WHERE kind = 'password_reset';
ALTER TABLE alerts DROP CONSTRAINT alerts_kind_check, ADD CONSTRAINT alerts_kind_check CHECK (kind IN (
  'refresh_replayed', 'new_device', 'quota_80', 'quota_95', 'password_changed',
  'totp_enabled', 'totp_disabled', 'recovery_code_used', 'token_created'));
DROP FUNCTION due_mails(integer);
DROP TABLE mails;
REVOKE UPDATE (email_verified_at) ON users FROM docuvault_app;
ALTER TABLE users DROP COLUMN password_reset_by_mail;
DROP FUNCTION make_id();
