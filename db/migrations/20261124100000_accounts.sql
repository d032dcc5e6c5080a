-- migrate:up

-- Accounts, their sessions, keys and credentials.
-- The user that a statement runs for is the setting app.user_id, set by one
-- helper in the code, for one transaction. Policies are made at the end of the
-- last table migration, for every table with a user_id, by one loop.

CREATE FUNCTION app_user() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN NULLIF(current_setting('app.user_id', true), '')::uuid;
COMMENT ON FUNCTION app_user() IS 'the user of this transaction; NULL, and never an empty string, when none is set';

CREATE TABLE users (
  id                uuid PRIMARY KEY,
  email             text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  email_verified_at timestamptz,
  display_name      text NOT NULL DEFAULT '' CHECK (length(display_name) <= 100),
  role              text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
  locale            text NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'de')),
  ai_provider       text NOT NULL DEFAULT 'local' CHECK (ai_provider IN ('none', 'local', 'openai', 'anthropic')),
  ai_model          text NOT NULL DEFAULT '' CHECK (length(ai_model) <= 100),
  disabled_at       timestamptz,
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN users.role IS 'written by docuvault_migrate alone (docuvault admin create)';

CREATE TABLE quotas (
  user_id        uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  limit_bytes    bigint NOT NULL CHECK (limit_bytes >= 0),
  used_bytes     bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
  reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
  document_limit bigint NOT NULL DEFAULT 1000000 CHECK (document_limit >= 0),
  documents      bigint NOT NULL DEFAULT 0 CHECK (documents >= 0),
  open_uploads   bigint NOT NULL DEFAULT 0 CHECK (open_uploads >= 0)
);
COMMENT ON TABLE quotas IS 'no CHECK of used against limit: an administrator may lower a limit below what is used';

CREATE TABLE credentials (
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind       text NOT NULL CHECK (kind IN ('password', 'totp')),
  phc        text,  -- a password's argon2id hash in PHC form
  sealed     bytea, -- a TOTP secret, sealed under the user's key
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, kind),
  CHECK ((kind = 'password') = (phc IS NOT NULL) AND (kind = 'totp') = (sealed IS NOT NULL))
);

CREATE TABLE user_keys (
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  number     integer NOT NULL CHECK (number > 0),
  master_id  text NOT NULL,
  wrapped    bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (user_id, number)
);
COMMENT ON TABLE user_keys IS 'the user''s data key, wrapped under a key derived from the master key; deleting the row makes everything sealed unreadable';

CREATE TABLE sessions (
  id             uuid PRIMARY KEY,
  user_id        uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  generation     bigint NOT NULL DEFAULT 1,
  rotated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  first_used_at  timestamptz, -- when the current generation was first used; starts the grace of the previous one
  auth_time      timestamptz NOT NULL DEFAULT clock_timestamp(),
  reauth_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  device         text NOT NULL DEFAULT '' CHECK (length(device) <= 200),
  network        text NOT NULL DEFAULT '' CHECK (length(network) <= 50),
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at     timestamptz NOT NULL, -- absolute
  idle_timeout   interval NOT NULL,
  revoked_at     timestamptz,
  revoked_reason text CHECK (revoked_reason IN ('logout', 'revoked', 'replay', 'password', 'deleted')),
  CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (user_id, created_at DESC);

CREATE TABLE alerts (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind       text NOT NULL CHECK (kind IN ('refresh_replayed', 'new_device', 'quota_80', 'quota_95', 'password_changed')),
  session_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  read_at    timestamptz
);
CREATE INDEX alerts_user ON alerts (user_id, id DESC);
CREATE UNIQUE INDEX alerts_replay_once ON alerts (session_id) WHERE kind = 'refresh_replayed';

CREATE TABLE rate_limits (
  bucket     bytea PRIMARY KEY, -- a hash of what is limited; no address and no email in clear
  spent      double precision NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Sharing is not built; the tables complete the schema and hold no rows.
CREATE TABLE groups (
  id         uuid PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE group_members (
  group_id uuid NOT NULL REFERENCES groups ON DELETE CASCADE,
  user_id  uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
);

-- The session check that travels in front of every statement of a signed-in
-- user. It raises DV001, which aborts the batch and all that follows in it.
CREATE FUNCTION check_session(in_session uuid, in_generation bigint) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  s record;
BEGIN
  SELECT x.generation, x.first_used_at INTO s
    FROM sessions x JOIN users u ON u.id = x.user_id
   WHERE x.id = in_session AND x.user_id = app_user()
     AND x.revoked_at IS NULL AND u.disabled_at IS NULL
     AND x.expires_at > clock_timestamp()
     AND x.last_used_at + x.idle_timeout > clock_timestamp();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'session ended' USING ERRCODE = 'DV001';
  END IF;
  IF s.generation = in_generation AND s.first_used_at IS NULL THEN
    UPDATE sessions SET first_used_at = clock_timestamp()
     WHERE id = in_session AND generation = in_generation AND first_used_at IS NULL;
  END IF;
END $$;

-- A sensitive statement also wants a fresh proof of the password: DV003.
CREATE FUNCTION check_reauth(in_session uuid) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM sessions WHERE id = in_session AND user_id = app_user()
                  AND reauth_at > clock_timestamp() - interval '10 minutes') THEN
    RAISE EXCEPTION 'reauthentication required' USING ERRCODE = 'DV003';
  END IF;
END $$;

-- Login crosses users by nature: from an email to what is needed to check a
-- password, and nothing more.
CREATE FUNCTION login_lookup(in_email text) RETURNS TABLE (user_id uuid, phc text, disabled boolean, verified boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT u.id, c.phc, u.disabled_at IS NOT NULL, u.email_verified_at IS NOT NULL
      FROM users u JOIN credentials c ON c.user_id = u.id AND c.kind = 'password'
     WHERE u.email = in_email;
  END;

-- migrate:down
DROP FUNCTION login_lookup(text);
DROP FUNCTION check_reauth(uuid);
DROP FUNCTION check_session(uuid, bigint);
DROP TABLE group_members, groups, rate_limits, alerts, sessions, user_keys, credentials, quotas, users;
DROP FUNCTION app_user();
