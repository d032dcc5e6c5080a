-- migrate:up

-- Administration without sight, and invitations.
--
-- Each function below checks for itself that the acting user is an enabled
-- administrator with a live session (DV002 otherwise), and returns ids, counts
-- and bytes. None acts as another user: the owner of the schema may change
-- another's row only through the policies admin_writes, for the one account
-- that app.admin_target names, which these functions set after their check.

CREATE TABLE invites (
  id         uuid PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE, -- SHA-256 of 256 random bits
  email      text CHECK (email = lower(email)), -- only for this address; forgotten at the end
  created_by uuid NOT NULL, -- no foreign key: invites outlive who made them
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz,
  revoked_at timestamptz,
  CHECK (used_at IS NULL OR revoked_at IS NULL)
);
COMMENT ON TABLE invites IS 'reached through functions alone: no role but the owner has a grant';

CREATE FUNCTION admin_target() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN NULLIF(current_setting('app.admin_target', true), '')::uuid;
CREATE POLICY admin_writes ON users FOR UPDATE TO docuvault_migrate USING (id = admin_target());
CREATE POLICY admin_writes ON quotas FOR UPDATE TO docuvault_migrate USING (user_id = admin_target());
CREATE POLICY admin_writes ON sessions FOR UPDATE TO docuvault_migrate USING (user_id = admin_target());
CREATE POLICY admin_writes ON audit_log FOR INSERT TO docuvault_migrate WITH CHECK (user_id = admin_target() AND actor = 'admin');

CREATE FUNCTION require_admin(in_session uuid) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM sessions s JOIN users u ON u.id = s.user_id
                  WHERE s.id = in_session AND s.user_id = app_user()
                    AND u.role = 'admin' AND u.disabled_at IS NULL
                    AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
                    AND s.last_used_at + s.idle_timeout > clock_timestamp()) THEN
    RAISE EXCEPTION 'no administrator' USING ERRCODE = 'DV002';
  END IF;
END $$;

-- A page of accounts, oldest first.
CREATE FUNCTION admin_users(in_session uuid, in_after uuid, in_limit integer)
  RETURNS TABLE (id uuid, email text, role text, created_at timestamptz, disabled_at timestamptz,
                 limit_bytes bigint, used_bytes bigint, reserved_bytes bigint, documents bigint, open_uploads bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT u.id, u.email, u.role, u.created_at, u.disabled_at,
           q.limit_bytes, q.used_bytes, q.reserved_bytes, q.documents, q.open_uploads
      FROM users u JOIN quotas q ON q.user_id = u.id
     WHERE in_after IS NULL OR u.id > in_after
     ORDER BY u.id LIMIT in_limit;
END $$;

-- Changes limit and access of an account, each with its entry in that account's
-- log, and returns it; no row: there is no such account. Closing one ends its
-- sessions.
CREATE FUNCTION admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean)
  RETURNS TABLE (id uuid, email text, role text, created_at timestamptz, disabled_at timestamptz,
                 limit_bytes bigint, used_bytes bigint, reserved_bytes bigint, documents bigint, open_uploads bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  fields text[] := '{}';
BEGIN
  -- One at a time, and the check sees what the one before did: two
  -- administrators who close each other's account leave one.
  PERFORM pg_advisory_xact_lock(hashtext('docuvault.last_admin'));
  PERFORM require_admin(in_session);
  IF in_disabled THEN
    PERFORM require_other_admin(in_user);
  END IF;
  PERFORM set_config('app.admin_target', in_user::text, true);
  UPDATE quotas q SET limit_bytes = in_limit WHERE q.user_id = in_user AND q.limit_bytes <> in_limit;
  IF FOUND THEN
    fields := fields || 'quota_limit_bytes'::text;
  END IF;
  UPDATE users u SET disabled_at = CASE WHEN in_disabled THEN clock_timestamp() END
   WHERE u.id = in_user AND (u.disabled_at IS NOT NULL) <> in_disabled
     AND NOT EXISTS (SELECT FROM erasures e WHERE e.user_id = in_user);
  IF FOUND THEN
    fields := fields || CASE WHEN in_disabled THEN 'disabled' ELSE 'enabled' END;
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'revoked'
     WHERE user_id = in_user AND revoked_at IS NULL AND in_disabled;
  END IF;
  IF fields <> '{}' THEN
    INSERT INTO audit_log (user_id, actor, action, target, metadata)
      VALUES (in_user, 'admin', 'account.administered', in_user, jsonb_build_object('by', app_user(), 'fields', fields));
  END IF;
  PERFORM set_config('app.admin_target', '', true);
  RETURN QUERY
    SELECT u.id, u.email, u.role, u.created_at, u.disabled_at,
           q.limit_bytes, q.used_bytes, q.reserved_bytes, q.documents, q.open_uploads
      FROM users u JOIN quotas q ON q.user_id = u.id WHERE u.id = in_user;
END $$;

CREATE FUNCTION admin_stats(in_session uuid)
  RETURNS TABLE (users bigint, admins bigint, disabled bigint, live_sessions bigint, documents bigint, open_uploads bigint,
                 used_bytes bigint, reserved_bytes bigint, limit_bytes bigint, open_invites bigint, audit_entries bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT u.n, u.admins, u.disabled,
           (SELECT count(*) FROM sessions s WHERE s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND s.last_used_at + s.idle_timeout > clock_timestamp()),
           q.documents, q.open_uploads, q.used_bytes, q.reserved_bytes, q.limit_bytes,
           (SELECT count(*) FROM invites i WHERE i.used_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > clock_timestamp()),
           (SELECT count(*) FROM audit_log)
      FROM (SELECT count(*) AS n, count(*) FILTER (WHERE x.role = 'admin') AS admins, count(x.disabled_at) AS disabled FROM users x) u,
           (SELECT coalesce(sum(x.documents), 0)::bigint AS documents, coalesce(sum(x.open_uploads), 0)::bigint AS open_uploads,
                   coalesce(sum(x.used_bytes), 0)::bigint AS used_bytes, coalesce(sum(x.reserved_bytes), 0)::bigint AS reserved_bytes,
                   least(coalesce(sum(x.limit_bytes), 0), 9223372036854775807)::bigint AS limit_bytes FROM quotas x) q;
END $$;

-- Security events of the instance, newest first: what happened to which
-- account, without the personal part and without metadata.
CREATE FUNCTION admin_audit(in_session uuid, in_before bigint, in_limit integer)
  RETURNS TABLE (id bigint, at timestamptz, user_id uuid, actor text, action text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT l.id, l.at, l.user_id, l.actor, l.action FROM audit_log l
     WHERE split_part(l.action, '.', 1) NOT IN ('upload', 'document', 'folder', 'topic', 'tag', 'search')
       AND (in_before IS NULL OR l.id < in_before) ORDER BY l.id DESC LIMIT in_limit;
END $$;

CREATE FUNCTION admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval) RETURNS timestamptz
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  until timestamptz := clock_timestamp() + in_ttl;
BEGIN
  PERFORM require_admin(in_session);
  -- What ended a month ago is of no use to anybody.
  DELETE FROM invites WHERE least(used_at, revoked_at, expires_at) < clock_timestamp() - interval '30 days';
  INSERT INTO invites (id, token_hash, email, created_by, expires_at) VALUES (in_id, in_hash, in_email, app_user(), until);
  RETURN until;
END $$;

CREATE FUNCTION admin_invites(in_session uuid, in_after uuid, in_limit integer)
  RETURNS TABLE (id uuid, email text, created_by uuid, created_at timestamptz, expires_at timestamptz, used_at timestamptz, revoked_at timestamptz)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT i.id, i.email, i.created_by, i.created_at, i.expires_at, i.used_at, i.revoked_at
      FROM invites i WHERE in_after IS NULL OR i.id < in_after ORDER BY i.id DESC LIMIT in_limit;
END $$;

-- Returns the invite that it revoked: one that is used up or revoked is none.
CREATE FUNCTION admin_revoke_invite(in_session uuid, in_id uuid) RETURNS SETOF uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY UPDATE invites i SET revoked_at = clock_timestamp(), email = NULL
    WHERE i.id = in_id AND i.used_at IS NULL AND i.revoked_at IS NULL RETURNING i.id;
END $$;

-- Uses an invite up, in the transaction that makes the account; of two at once
-- the second sees it used. DV011 aborts that transaction.
CREATE FUNCTION redeem_invite(in_hash bytea, in_email text) RETURNS uuid
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  redeemed uuid;
BEGIN
  UPDATE invites SET used_at = clock_timestamp(), email = NULL
   WHERE token_hash = in_hash AND used_at IS NULL AND revoked_at IS NULL AND expires_at > clock_timestamp()
     AND (email IS NULL OR email = in_email)
  RETURNING id INTO redeemed;
  IF redeemed IS NULL THEN
    RAISE EXCEPTION 'no such invite' USING ERRCODE = 'DV011';
  END IF;
  RETURN redeemed;
END $$;

GRANT EXECUTE ON FUNCTION require_admin(uuid), admin_users(uuid, uuid, integer), admin_change_user(uuid, uuid, bigint, boolean),
  admin_stats(uuid), admin_audit(uuid, bigint, integer), admin_create_invite(uuid, uuid, bytea, text, interval),
  admin_invites(uuid, uuid, integer), admin_revoke_invite(uuid, uuid), redeem_invite(bytea, text) TO docuvault_app;

-- migrate:down
DROP FUNCTION redeem_invite(bytea, text);
DROP FUNCTION admin_revoke_invite(uuid, uuid);
DROP FUNCTION admin_invites(uuid, uuid, integer);
DROP FUNCTION admin_create_invite(uuid, uuid, bytea, text, interval);
DROP FUNCTION admin_audit(uuid, bigint, integer);
DROP FUNCTION admin_stats(uuid);
DROP FUNCTION admin_change_user(uuid, uuid, bigint, boolean);
DROP FUNCTION admin_users(uuid, uuid, integer);
DROP FUNCTION require_admin(uuid);
DROP POLICY admin_writes ON audit_log;
DROP POLICY admin_writes ON sessions;
DROP POLICY admin_writes ON quotas;
DROP POLICY admin_writes ON users;
DROP FUNCTION admin_target();
DROP TABLE invites;
