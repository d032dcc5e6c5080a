-- What the migrations make, for reading. Written by:
-- go test ./db/migrate -run TestSchemaFile -update

--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: extensions; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA extensions;


ALTER SCHEMA extensions OWNER TO postgres;

--
-- Name: public; Type: SCHEMA; Schema: -; Owner: docuvault_migrate
--

-- *not* creating schema, since initdb creates it


ALTER SCHEMA public OWNER TO docuvault_migrate;

--
-- Name: river; Type: SCHEMA; Schema: -; Owner: docuvault_migrate
--

CREATE SCHEMA river;


ALTER SCHEMA river OWNER TO docuvault_migrate;

--
-- Name: btree_gin; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA extensions;


--
-- Name: EXTENSION btree_gin; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION btree_gin IS 'support for indexing common datatypes in GIN';


--
-- Name: river_job_state; Type: TYPE; Schema: river; Owner: docuvault_migrate
--

CREATE TYPE river.river_job_state AS ENUM (
    'available',
    'cancelled',
    'completed',
    'discarded',
    'pending',
    'retryable',
    'running',
    'scheduled'
);


ALTER TYPE river.river_job_state OWNER TO docuvault_migrate;

--
-- Name: admin_audit(uuid, bigint, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_audit(in_session uuid, in_before bigint, in_limit integer) RETURNS TABLE(id bigint, at timestamp with time zone, user_id uuid, actor text, action text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT l.id, l.at, l.user_id, l.actor, l.action FROM audit_log l
     WHERE split_part(l.action, '.', 1) NOT IN ('upload', 'document', 'folder', 'topic', 'tag', 'search')
       AND (in_before IS NULL OR l.id < in_before) ORDER BY l.id DESC LIMIT in_limit;
END $$;


ALTER FUNCTION public.admin_audit(in_session uuid, in_before bigint, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: admin_change_user(uuid, uuid, bigint, boolean); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean) RETURNS TABLE(id uuid, email text, role text, created_at timestamp with time zone, disabled_at timestamp with time zone, limit_bytes bigint, used_bytes bigint, reserved_bytes bigint, documents bigint, open_uploads bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean) OWNER TO docuvault_migrate;

--
-- Name: admin_create_invite(uuid, uuid, bytea, text, interval); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
  until timestamptz := clock_timestamp() + in_ttl;
BEGIN
  PERFORM require_admin(in_session);
  -- What ended a month ago is of no use to anybody.
  DELETE FROM invites WHERE least(used_at, revoked_at, expires_at) < clock_timestamp() - interval '30 days';
  INSERT INTO invites (id, token_hash, email, created_by, expires_at) VALUES (in_id, in_hash, in_email, app_user(), until);
  RETURN until;
END $$;


ALTER FUNCTION public.admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval) OWNER TO docuvault_migrate;

--
-- Name: admin_invites(uuid, uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_invites(in_session uuid, in_after uuid, in_limit integer) RETURNS TABLE(id uuid, email text, created_by uuid, created_at timestamp with time zone, expires_at timestamp with time zone, used_at timestamp with time zone, revoked_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT i.id, i.email, i.created_by, i.created_at, i.expires_at, i.used_at, i.revoked_at
      FROM invites i WHERE in_after IS NULL OR i.id < in_after ORDER BY i.id DESC LIMIT in_limit;
END $$;


ALTER FUNCTION public.admin_invites(in_session uuid, in_after uuid, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: admin_revoke_invite(uuid, uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_revoke_invite(in_session uuid, in_id uuid) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY UPDATE invites i SET revoked_at = clock_timestamp(), email = NULL
    WHERE i.id = in_id AND i.used_at IS NULL AND i.revoked_at IS NULL RETURNING i.id;
END $$;


ALTER FUNCTION public.admin_revoke_invite(in_session uuid, in_id uuid) OWNER TO docuvault_migrate;

--
-- Name: admin_stats(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_stats(in_session uuid) RETURNS TABLE(users bigint, admins bigint, disabled bigint, live_sessions bigint, documents bigint, open_uploads bigint, used_bytes bigint, reserved_bytes bigint, limit_bytes bigint, open_invites bigint, audit_entries bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.admin_stats(in_session uuid) OWNER TO docuvault_migrate;

--
-- Name: admin_target(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_target() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.admin_target'::text, true), ''::text))::uuid;


ALTER FUNCTION public.admin_target() OWNER TO docuvault_migrate;

--
-- Name: admin_users(uuid, uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.admin_users(in_session uuid, in_after uuid, in_limit integer) RETURNS TABLE(id uuid, email text, role text, created_at timestamp with time zone, disabled_at timestamp with time zone, limit_bytes bigint, used_bytes bigint, reserved_bytes bigint, documents bigint, open_uploads bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM require_admin(in_session);
  RETURN QUERY
    SELECT u.id, u.email, u.role, u.created_at, u.disabled_at,
           q.limit_bytes, q.used_bytes, q.reserved_bytes, q.documents, q.open_uploads
      FROM users u JOIN quotas q ON q.user_id = u.id
     WHERE in_after IS NULL OR u.id > in_after
     ORDER BY u.id LIMIT in_limit;
END $$;


ALTER FUNCTION public.admin_users(in_session uuid, in_after uuid, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: app_user(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.app_user() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid;


ALTER FUNCTION public.app_user() OWNER TO docuvault_migrate;

--
-- Name: FUNCTION app_user(); Type: COMMENT; Schema: public; Owner: docuvault_migrate
--

COMMENT ON FUNCTION public.app_user() IS 'the user of this transaction; NULL, and never an empty string, when none is set';


--
-- Name: audit_field(bytea); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_field(bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ($1 IS NULL) THEN '\xffffffff'::bytea ELSE (int4send(octet_length($1)) || $1) END;


ALTER FUNCTION public.audit_field(bytea) OWNER TO docuvault_migrate;

--
-- Name: audit_micros(timestamp with time zone); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_micros(timestamp with time zone) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN int8send(((EXTRACT(epoch FROM $1) * (1000000)::numeric))::bigint);


ALTER FUNCTION public.audit_micros(timestamp with time zone) OWNER TO docuvault_migrate;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: audit_log; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    user_id uuid,
    actor text NOT NULL,
    action text NOT NULL,
    target uuid,
    personal_mac bytea,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT audit_log_actor_check CHECK ((actor = ANY (ARRAY['user'::text, 'admin'::text, 'system'::text])))
);
ALTER TABLE ONLY public.audit_log ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;


ALTER TABLE public.audit_log OWNER TO docuvault_migrate;

--
-- Name: audit_leaf(public.audit_log); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_leaf(l public.audit_log) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256((((((((((('\x00'::bytea || public.audit_field('\x646f63757661756c742d61756469742d7631'::bytea)) || public.audit_field(int8send((l).id))) || public.audit_field(xid8send((l).xid))) || public.audit_field(public.audit_micros((l).at))) || public.audit_field(uuid_send((l).user_id))) || public.audit_field(convert_to((l).actor, 'UTF8'::name))) || public.audit_field(convert_to((l).action, 'UTF8'::name))) || public.audit_field(uuid_send((l).target))) || public.audit_field((l).personal_mac)) || public.audit_field(convert_to(((l).metadata)::text, 'UTF8'::name))));


ALTER FUNCTION public.audit_leaf(l public.audit_log) OWNER TO docuvault_migrate;

--
-- Name: audit_root(bytea[]); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_root(in_leaves bytea[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE
    AS $$
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


ALTER FUNCTION public.audit_root(in_leaves bytea[]) OWNER TO docuvault_migrate;

--
-- Name: audit_seal(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_seal(in_limit integer) RETURNS TABLE(sealed bigint, entries integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.audit_seal(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: audit_seals; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.audit_seals (
    number bigint NOT NULL,
    previous bytea NOT NULL,
    jump bytea NOT NULL,
    ranges int8multirange NOT NULL,
    count integer NOT NULL,
    root bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    mark_xid xid8 NOT NULL,
    mark_id bigint NOT NULL,
    hash bytea NOT NULL,
    leaves bytea NOT NULL,
    CONSTRAINT audit_seals_number_check CHECK ((number > 0))
);


ALTER TABLE public.audit_seals OWNER TO docuvault_migrate;

--
-- Name: audit_seal_hash(public.audit_seals); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_seal_hash(s public.audit_seals) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256((((((((((public.audit_field('\x646f63757661756c742d7365616c2d7631'::bytea) || public.audit_field(int8send((s).number))) || public.audit_field((s).previous)) || public.audit_field((s).jump)) || public.audit_field(sha256(convert_to(((s).ranges)::text, 'UTF8'::name)))) || public.audit_field(int4send((s).count))) || public.audit_field((s).root)) || public.audit_field(public.audit_micros((s).created_at))) || public.audit_field(xid8send((s).mark_xid))) || public.audit_field(int8send((s).mark_id))));


ALTER FUNCTION public.audit_seal_hash(s public.audit_seals) OWNER TO docuvault_migrate;

--
-- Name: audit_seal_restored(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_seal_restored(in_limit integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.audit_seal_restored(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: audit_write(text, text, uuid, jsonb, bytea, bytea, text); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.audit_write(in_actor text, in_action text, in_target uuid, in_metadata jsonb, in_salt bytea, in_mac bytea, in_personal text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
  -- Not by RETURNING, which wants to see the row: the system's own are seen by nobody.
  entry bigint := nextval('audit_log_id_seq');
BEGIN
  INSERT INTO audit_log (id, user_id, actor, action, target, metadata, personal_mac)
    VALUES (entry, app_user(), in_actor, in_action, in_target, in_metadata, in_mac);
  IF in_personal IS NOT NULL THEN
    INSERT INTO audit_personal (audit_id, user_id, salt, personal) VALUES (entry, app_user(), in_salt, in_personal);
  END IF;
  RETURN entry;
END $$;


ALTER FUNCTION public.audit_write(in_actor text, in_action text, in_target uuid, in_metadata jsonb, in_salt bytea, in_mac bytea, in_personal text) OWNER TO docuvault_migrate;

--
-- Name: begin_erasure(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.begin_erasure() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.begin_erasure() OWNER TO docuvault_migrate;

--
-- Name: check_reauth(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.check_reauth(in_session uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM sessions WHERE id = in_session AND user_id = app_user()
                  AND reauth_at > clock_timestamp() - interval '10 minutes') THEN
    RAISE EXCEPTION 'reauthentication required' USING ERRCODE = 'DV003';
  END IF;
END $$;


ALTER FUNCTION public.check_reauth(in_session uuid) OWNER TO docuvault_migrate;

--
-- Name: check_session(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.check_session(in_session uuid, in_generation bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION public.check_session(in_session uuid, in_generation bigint) OWNER TO docuvault_migrate;

--
-- Name: check_token(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.check_token(in_token uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM api_tokens t JOIN users u ON u.id = t.user_id
                  WHERE t.id = in_token AND t.user_id = app_user() AND t.expires_at > clock_timestamp() AND u.disabled_at IS NULL) THEN
    RAISE EXCEPTION 'token ended' USING ERRCODE = 'DV006';
  END IF;
  UPDATE api_tokens SET last_used_at = clock_timestamp()
   WHERE id = in_token AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute');
END $$;


ALTER FUNCTION public.check_token(in_token uuid) OWNER TO docuvault_migrate;

--
-- Name: claim_key(bytea, bytea, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.claim_key(in_key bytea, in_request bytea, in_status integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION public.claim_key(in_key bytea, in_request bytea, in_status integer) OWNER TO docuvault_migrate;

--
-- Name: compose_tokens(tsvector, tsvector[], uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) RETURNS tsvector
    LANGUAGE sql STABLE
    AS $$
  SELECT (ts_filter(in_text, '{d}')::text || ' ' || array_to_string(in_names, ' ') || ' ''' || array_to_string(era_marks(in_user, in_era), ''' ''') || '''')::tsvector
$$;


ALTER FUNCTION public.compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) OWNER TO docuvault_migrate;

--
-- Name: documents_guard(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.documents_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF NEW.user_id <> OLD.user_id OR NEW.object_key <> OLD.object_key OR NEW.size <> OLD.size OR NEW.sha256 <> OLD.sha256 THEN
    RAISE EXCEPTION 'a document keeps its owner, its object, its size and its hash';
  END IF;
  IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
    ('pending', 'stored'), ('pending', 'rejected'), ('pending', 'expired'),
    ('stored', 'processing'), ('processing', 'ready'), ('processing', 'failed'),
    ('processing', 'stored'), -- the worker gave up or lost its lease
    ('ready', 'stored'), ('failed', 'stored'), -- reprocess
    ('stored', 'trashed'), ('processing', 'trashed'), ('ready', 'trashed'), ('failed', 'trashed'),
    ('trashed', 'stored'), ('trashed', 'ready'), ('trashed', 'failed'), -- restore
    ('stored', 'purging'), ('processing', 'purging'), ('ready', 'purging'), ('failed', 'purging'), ('trashed', 'purging')) THEN
    RAISE EXCEPTION 'a document cannot go from % to %', OLD.status, NEW.status;
  END IF;
  NEW.updated_at := clock_timestamp();
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;


ALTER FUNCTION public.documents_guard() OWNER TO docuvault_migrate;

--
-- Name: drop_folders(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.drop_folders() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
  n bigint;
  total bigint := 0;
BEGIN
  LOOP -- from the leaves up
    DELETE FROM folders f WHERE f.user_id = app_user() AND f.deleted_at IS NOT NULL
       AND NOT EXISTS (SELECT FROM documents d WHERE d.folder_id = f.id)
       AND NOT EXISTS (SELECT FROM folders c WHERE c.parent_id = f.id);
    GET DIAGNOSTICS n = ROW_COUNT;
    total := total + n;
    EXIT WHEN n = 0;
  END LOOP;
  RETURN total;
END $$;


ALTER FUNCTION public.drop_folders() OWNER TO docuvault_migrate;

--
-- Name: documents; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.documents (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    status text NOT NULL,
    status_before text,
    failure text,
    next_due_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    object_key text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    allow_duplicate boolean DEFAULT false NOT NULL,
    content_type text NOT NULL,
    sniffed_type text,
    upload_expires_at timestamp with time zone NOT NULL,
    filename_sealed bytea NOT NULL,
    title_sealed bytea,
    correspondent_sealed bytea,
    notes_sealed bytea,
    reference_sealed bytea,
    suggestions_sealed bytea,
    folder_id uuid,
    topic_id uuid,
    topic_source text,
    learned_topic_id uuid,
    document_date date,
    original_modified_at timestamp with time zone,
    page_count integer,
    language text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    part_size bigint,
    upload_id text,
    verify_until timestamp with time zone,
    trashed_at timestamp with time zone,
    day date GENERATED ALWAYS AS (COALESCE(document_date, ((created_at AT TIME ZONE 'UTC'::text))::date)) STORED NOT NULL,
    traceparent text,
    CONSTRAINT documents_check CHECK ((((topic_id IS NOT NULL) AND (topic_source IS NOT NULL)) OR ((topic_id IS NULL) AND (COALESCE(topic_source, 'user'::text) = 'user'::text)))),
    CONSTRAINT documents_check1 CHECK (((status = ANY (ARRAY['trashed'::text, 'purging'::text])) OR (status_before IS NULL))),
    CONSTRAINT documents_check2 CHECK (((upload_id IS NULL) OR (part_size IS NOT NULL))),
    CONSTRAINT documents_part_size_check CHECK ((part_size > 0)),
    CONSTRAINT documents_sha256_check CHECK ((length(sha256) = 32)),
    CONSTRAINT documents_size_check CHECK ((size >= 0)),
    CONSTRAINT documents_status_before_check CHECK ((status_before = ANY (ARRAY['stored'::text, 'ready'::text, 'failed'::text]))),
    CONSTRAINT documents_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'stored'::text, 'processing'::text, 'ready'::text, 'failed'::text, 'rejected'::text, 'expired'::text, 'trashed'::text, 'purging'::text]))),
    CONSTRAINT documents_topic_source_check CHECK ((topic_source = ANY (ARRAY['user'::text, 'local'::text, 'openai'::text, 'anthropic'::text]))),
    CONSTRAINT documents_traceparent_check CHECK ((traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'::text)),
    CONSTRAINT documents_trashed CHECK (((status = ANY (ARRAY['trashed'::text, 'purging'::text])) OR (trashed_at IS NULL)))
);
ALTER TABLE ONLY public.documents ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.documents FORCE ROW LEVEL SECURITY;


ALTER TABLE public.documents OWNER TO docuvault_migrate;

--
-- Name: erasures; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.erasures (
    user_id uuid NOT NULL,
    requested_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    erased_at timestamp with time zone,
    next_due_at timestamp with time zone DEFAULT (clock_timestamp() + '00:01:00'::interval) NOT NULL
);
ALTER TABLE ONLY public.erasures ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.erasures FORCE ROW LEVEL SECURITY;


ALTER TABLE public.erasures OWNER TO docuvault_migrate;

--
-- Name: due_documents(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.due_documents(in_limit integer) RETURNS TABLE(user_id uuid, document_id uuid, status text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT d.user_id,
     d.id,
     d.status
    FROM public.documents d
   WHERE ((d.next_due_at <= clock_timestamp()) AND (NOT (EXISTS ( SELECT
            FROM public.erasures e
           WHERE (e.user_id = d.user_id)))))
   ORDER BY d.next_due_at
  LIMIT due_documents.in_limit;
END;


ALTER FUNCTION public.due_documents(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: due_erasures(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.due_erasures(in_limit integer) RETURNS TABLE(user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT e.user_id
    FROM public.erasures e
   WHERE (e.next_due_at <= clock_timestamp())
   ORDER BY e.next_due_at
  LIMIT due_erasures.in_limit;
END;


ALTER FUNCTION public.due_erasures(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: mails; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.mails (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    dedupe text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    next_due_at timestamp with time zone DEFAULT clock_timestamp(),
    attempts integer DEFAULT 0 NOT NULL,
    claimed_at timestamp with time zone,
    sent_at timestamp with time zone,
    token_hash bytea,
    expires_at timestamp with time zone,
    phc text,
    CONSTRAINT mails_check CHECK (((claimed_at IS NULL) OR (next_due_at IS NULL))),
    CONSTRAINT mails_check1 CHECK (((token_hash IS NULL) = (expires_at IS NULL))),
    CONSTRAINT mails_check2 CHECK (((token_hash IS NULL) OR (kind = ANY (ARRAY['verify'::text, 'reset'::text])))),
    CONSTRAINT mails_check3 CHECK (((phc IS NULL) OR (kind = 'verify'::text))),
    CONSTRAINT mails_dedupe_check CHECK ((length(dedupe) <= 100)),
    CONSTRAINT mails_kind_check CHECK ((kind = ANY (ARRAY['verify'::text, 'register_repeated'::text, 'reset'::text, 'reset_off'::text, 'password_changed'::text, 'password_reset'::text, 'new_device'::text, 'refresh_replayed'::text, 'quota_80'::text, 'quota_95'::text])))
);
ALTER TABLE ONLY public.mails ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.mails FORCE ROW LEVEL SECURITY;


ALTER TABLE public.mails OWNER TO docuvault_migrate;

--
-- Name: due_mails(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.due_mails(in_limit integer) RETURNS TABLE(user_id uuid, mail_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT m.user_id,
     m.id
    FROM public.mails m
   WHERE (m.next_due_at <= clock_timestamp())
   ORDER BY m.next_due_at
  LIMIT due_mails.in_limit;
END;


ALTER FUNCTION public.due_mails(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: previews; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.previews (
    document_id uuid NOT NULL,
    user_id uuid NOT NULL,
    small_key text,
    large_key text,
    small_width integer,
    small_height integer,
    large_width integer,
    large_height integer,
    attempts integer DEFAULT 0 NOT NULL,
    busy_until timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    next_due_at timestamp with time zone DEFAULT clock_timestamp(),
    made_at timestamp with time zone,
    failure text,
    CONSTRAINT previews_check CHECK (((made_at IS NULL) OR ((failure IS NULL) AND (small_key IS NOT NULL) AND (large_key IS NOT NULL) AND ((((small_width + small_height) + large_width) + large_height) IS NOT NULL)))),
    CONSTRAINT previews_check1 CHECK (((next_due_at IS NULL) = ((made_at IS NOT NULL) OR (failure IS NOT NULL)))),
    CONSTRAINT previews_large_height_check CHECK ((large_height > 0)),
    CONSTRAINT previews_large_width_check CHECK ((large_width > 0)),
    CONSTRAINT previews_small_height_check CHECK ((small_height > 0)),
    CONSTRAINT previews_small_width_check CHECK ((small_width > 0))
);
ALTER TABLE ONLY public.previews ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.previews FORCE ROW LEVEL SECURITY;


ALTER TABLE public.previews OWNER TO docuvault_migrate;

--
-- Name: due_previews(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.due_previews(in_limit integer) RETURNS TABLE(user_id uuid, document_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT d.user_id,
     d.id
    FROM (public.previews p
      JOIN public.documents d ON ((d.id = p.document_id)))
   WHERE ((p.next_due_at <= clock_timestamp()) AND (d.status = ANY (ARRAY['ready'::text, 'failed'::text])))
   ORDER BY p.next_due_at
  LIMIT due_previews.in_limit;
END;


ALTER FUNCTION public.due_previews(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: ensure_folder(uuid, uuid[], bytea[], bytea[]); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  here uuid := in_start;
  parent uuid;
BEGIN
  FOR i IN 1 .. coalesce(array_length(in_keys, 1), 0) LOOP
    parent := here;
    LOOP
      SELECT id INTO here FROM folders
       WHERE user_id = app_user() AND parent_id IS NOT DISTINCT FROM parent AND name_key = in_keys[i] AND deleted_at IS NULL;
      EXIT WHEN FOUND;
      -- Of two at once the second waits, makes none, and looks again.
      INSERT INTO folders (id, user_id, parent_id, name_key, name_sealed)
        VALUES (in_ids[i], app_user(), parent, in_keys[i], in_names[i]) ON CONFLICT DO NOTHING;
    END LOOP;
  END LOOP;
  RETURN here;
END $$;


ALTER FUNCTION public.ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) OWNER TO docuvault_migrate;

--
-- Name: era_marks(uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.era_marks(in_user uuid, in_era integer) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT ARRAY[era_token(in_user, in_era), era_token(in_user, -1 - in_era / 10)] $$;


ALTER FUNCTION public.era_marks(in_user uuid, in_era integer) OWNER TO docuvault_migrate;

--
-- Name: era_token(uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.era_token(in_user uuid, in_era integer) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT '#' || left(md5(in_user::text || ' ' || in_era::text), 12) $$;


ALTER FUNCTION public.era_token(in_user uuid, in_era integer) OWNER TO docuvault_migrate;

--
-- Name: era_tokens(integer, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.era_tokens(in_low integer, in_high integer) RETURNS tsquery
    LANGUAGE sql STABLE
    AS $$
  SELECT string_agg('''' || era_token(app_user(), CASE WHEN in_high - in_low < 6 THEN e ELSE -1 - e END) || '''', '|')::tsquery
    FROM generate_series(CASE WHEN in_high - in_low < 6 THEN in_low ELSE in_low / 10 END, CASE WHEN in_high - in_low < 6 THEN in_high ELSE in_high / 10 END) e
$$;


ALTER FUNCTION public.era_tokens(in_low integer, in_high integer) OWNER TO docuvault_migrate;

--
-- Name: erase_rows(integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.erase_rows(in_limit integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;


ALTER FUNCTION public.erase_rows(in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: feed_epoch(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.feed_epoch() RETURNS text
    LANGUAGE sql STABLE
    AS $$
  SELECT left(md5(concat_ws(' ', (pg_control_system()).system_identifier, (pg_control_checkpoint()).timeline_id,
    (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode('public.changes'))), 12)
$$;


ALTER FUNCTION public.feed_epoch() OWNER TO docuvault_migrate;

--
-- Name: finish_erasure(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.finish_erasure() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  DELETE FROM users WHERE id = app_user() AND deleted_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE erasures SET erased_at = clock_timestamp(), next_due_at = clock_timestamp() + interval '1 minute' WHERE user_id = app_user();
  RETURN true;
END $$;


ALTER FUNCTION public.finish_erasure() OWNER TO docuvault_migrate;

--
-- Name: folder_depth(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.folder_depth(in_folder uuid) RETURNS integer
    LANGUAGE sql STABLE
    AS $$
  WITH RECURSIVE up AS (
    SELECT f.parent_id, 1 AS n FROM folders f WHERE f.id = in_folder
    UNION ALL SELECT f.parent_id, up.n + 1 FROM folders f JOIN up ON f.id = up.parent_id WHERE up.n < 100)
  SELECT coalesce(max(n), 0)::integer FROM up
$$;


ALTER FUNCTION public.folder_depth(in_folder uuid) OWNER TO docuvault_migrate;

--
-- Name: folder_tree(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.folder_tree(in_folder uuid) RETURNS TABLE(id uuid, depth integer)
    LANGUAGE sql STABLE
    AS $$
  WITH RECURSIVE down AS (
    SELECT f.id, 1 AS n FROM folders f WHERE f.id = in_folder AND f.deleted_at IS NULL
    UNION ALL SELECT f.id, down.n + 1 FROM folders f JOIN down ON f.parent_id = down.id WHERE f.deleted_at IS NULL AND down.n < 100)
  SELECT down.id, down.n FROM down
$$;


ALTER FUNCTION public.folder_tree(in_folder uuid) OWNER TO docuvault_migrate;

--
-- Name: folders_guard(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.folders_guard() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.parent_id IS NOT DISTINCT FROM OLD.parent_id AND (NEW.deleted_at IS NOT NULL OR OLD.deleted_at IS NULL) THEN
    RETURN NEW;
  END IF;
  PERFORM lock_folders(TG_OP = 'UPDATE');
  PERFORM require_folder(NEW.parent_id);
  IF TG_OP = 'UPDATE' AND NEW.parent_id IN (SELECT t.id FROM folder_tree(NEW.id) t) THEN
    RAISE EXCEPTION 'a folder in itself' USING ERRCODE = 'DV425';
  END IF;
  IF folder_depth(NEW.parent_id) + greatest(1, (SELECT max(t.depth) FROM folder_tree(NEW.id) t)) > 32 THEN
    RAISE EXCEPTION 'folders too deep' USING ERRCODE = 'DV423';
  END IF;
  RETURN NEW;
END $$;


ALTER FUNCTION public.folders_guard() OWNER TO docuvault_migrate;

--
-- Name: limit_rows(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.limit_rows() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
DECLARE
  n bigint;
BEGIN
  IF EXISTS (SELECT FROM made) THEN
    EXECUTE format('SELECT count(*) FROM %I WHERE user_id = $1', TG_TABLE_NAME) INTO n USING app_user();
    IF n > TG_ARGV[0]::bigint THEN
      RAISE EXCEPTION 'too many rows' USING ERRCODE = 'DV426';
    END IF;
  END IF;
  RETURN NULL;
END $_$;


ALTER FUNCTION public.limit_rows() OWNER TO docuvault_migrate;

--
-- Name: lock_document(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_document(in_document uuid, in_version bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM documents
   WHERE id = in_document AND user_id = app_user() AND status NOT IN ('pending', 'rejected', 'expired', 'purging')
     FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such document' USING ERRCODE = 'DV404';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;


ALTER FUNCTION public.lock_document(in_document uuid, in_version bigint) OWNER TO docuvault_migrate;

--
-- Name: lock_folder(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_folder(in_folder uuid, in_version bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM folders WHERE id = in_folder AND user_id = app_user() AND deleted_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV424';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;


ALTER FUNCTION public.lock_folder(in_folder uuid, in_version bigint) OWNER TO docuvault_migrate;

--
-- Name: lock_folders(boolean); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_folders(in_alone boolean) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF in_alone THEN
    PERFORM pg_advisory_xact_lock(hashtext('docuvault.folders'), hashtext(app_user()::text));
  ELSE
    PERFORM pg_advisory_xact_lock_shared(hashtext('docuvault.folders'), hashtext(app_user()::text));
  END IF;
END $$;


ALTER FUNCTION public.lock_folders(in_alone boolean) OWNER TO docuvault_migrate;

--
-- Name: lock_tag(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_tag(in_tag uuid, in_version bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM tags WHERE id = in_tag AND user_id = app_user() FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such tag' USING ERRCODE = 'DV428';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;


ALTER FUNCTION public.lock_tag(in_tag uuid, in_version bigint) OWNER TO docuvault_migrate;

--
-- Name: lock_tags(uuid, uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_tags(in_tag uuid, in_into uuid) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  found uuid[] := ARRAY(SELECT id FROM tags WHERE id IN (in_tag, in_into) AND user_id = app_user() ORDER BY id FOR UPDATE);
BEGIN
  IF in_tag <> ALL (found) THEN
    RAISE EXCEPTION 'no such tag' USING ERRCODE = 'DV428';
  END IF;
  IF in_into <> ALL (found) THEN
    RAISE EXCEPTION 'no such tag to merge into' USING ERRCODE = 'DV429';
  END IF;
END $$;


ALTER FUNCTION public.lock_tags(in_tag uuid, in_into uuid) OWNER TO docuvault_migrate;

--
-- Name: lock_topic(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.lock_topic(in_topic uuid, in_version bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  found_version bigint;
BEGIN
  SELECT version INTO found_version FROM topics WHERE id = in_topic AND user_id = app_user() FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such topic' USING ERRCODE = 'DV427';
  END IF;
  IF in_version IS NOT NULL AND found_version <> in_version THEN
    RAISE EXCEPTION 'another version' USING ERRCODE = 'DV412';
  END IF;
END $$;


ALTER FUNCTION public.lock_topic(in_topic uuid, in_version bigint) OWNER TO docuvault_migrate;

--
-- Name: credentials; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.credentials (
    user_id uuid NOT NULL,
    kind text NOT NULL,
    phc text,
    sealed bytea,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint,
    CONSTRAINT credentials_check CHECK ((((kind = 'password'::text) = (phc IS NOT NULL)) AND ((kind = 'totp'::text) = (sealed IS NOT NULL)))),
    CONSTRAINT credentials_check1 CHECK (((confirmed_at IS NULL) OR (kind = 'totp'::text))),
    CONSTRAINT credentials_check2 CHECK (((last_step IS NULL) OR (kind = 'totp'::text))),
    CONSTRAINT credentials_kind_check CHECK ((kind = ANY (ARRAY['password'::text, 'totp'::text])))
);
ALTER TABLE ONLY public.credentials ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.credentials FORCE ROW LEVEL SECURITY;


ALTER TABLE public.credentials OWNER TO docuvault_migrate;

--
-- Name: users; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text,
    email_verified_at timestamp with time zone,
    display_name text DEFAULT ''::text NOT NULL,
    role text DEFAULT 'user'::text NOT NULL,
    locale text DEFAULT 'en'::text NOT NULL,
    ai_provider text DEFAULT 'local'::text NOT NULL,
    ai_model text DEFAULT ''::text NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted_at timestamp with time zone,
    password_reset_by_mail boolean DEFAULT true NOT NULL,
    CONSTRAINT users_ai_model_check CHECK ((length(ai_model) <= 100)),
    CONSTRAINT users_ai_provider_check CHECK ((ai_provider = ANY (ARRAY['none'::text, 'local'::text, 'openai'::text, 'anthropic'::text]))),
    CONSTRAINT users_deleted CHECK (
CASE
    WHEN (deleted_at IS NULL) THEN (email IS NOT NULL)
    ELSE ((email IS NULL) AND (display_name = ''::text) AND (disabled_at IS NOT NULL))
END),
    CONSTRAINT users_display_name_check CHECK ((length(display_name) <= 100)),
    CONSTRAINT users_email_check CHECK (((email = lower(email)) AND ((length(email) >= 3) AND (length(email) <= 254)))),
    CONSTRAINT users_locale_check CHECK ((locale = ANY (ARRAY['en'::text, 'de'::text]))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['user'::text, 'admin'::text])))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;


ALTER TABLE public.users OWNER TO docuvault_migrate;

--
-- Name: COLUMN users.role; Type: COMMENT; Schema: public; Owner: docuvault_migrate
--

COMMENT ON COLUMN public.users.role IS 'written by docuvault_migrate alone (docuvault admin create)';


--
-- Name: login_lookup(text); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.login_lookup(in_email text) RETURNS TABLE(user_id uuid, phc text, disabled boolean, verified boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT u.id,
     c.phc,
     (u.disabled_at IS NOT NULL),
     (u.email_verified_at IS NOT NULL)
    FROM (public.users u
      JOIN public.credentials c ON (((c.user_id = u.id) AND (c.kind = 'password'::text))))
   WHERE (u.email = login_lookup.in_email);
END;


ALTER FUNCTION public.login_lookup(in_email text) OWNER TO docuvault_migrate;

--
-- Name: make_id(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.make_id() RETURNS uuid
    LANGUAGE sql
    RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send((floor((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric)))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;


ALTER FUNCTION public.make_id() OWNER TO docuvault_migrate;

--
-- Name: user_keys; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.user_keys (
    user_id uuid NOT NULL,
    number integer NOT NULL,
    master_id text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT user_keys_number_check CHECK ((number > 0))
);
ALTER TABLE ONLY public.user_keys ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.user_keys FORCE ROW LEVEL SECURITY;


ALTER TABLE public.user_keys OWNER TO docuvault_migrate;

--
-- Name: TABLE user_keys; Type: COMMENT; Schema: public; Owner: docuvault_migrate
--

COMMENT ON TABLE public.user_keys IS 'the user''s data key, wrapped under a key derived from the master key; deleting the row makes everything sealed unreadable';


--
-- Name: master_keys_in_use(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.master_keys_in_use() RETURNS TABLE(master_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 WITH RECURSIVE k(key) AS (
          SELECT min(u.master_id) AS min
            FROM public.user_keys u
         UNION ALL
          SELECT ( SELECT min(u.master_id) AS min
                    FROM public.user_keys u
                   WHERE (u.master_id > k_1.key)) AS min
            FROM k k_1
           WHERE (k_1.key IS NOT NULL)
         )
  SELECT k.key
    FROM k
   WHERE (k.key IS NOT NULL);
END;


ALTER FUNCTION public.master_keys_in_use() OWNER TO docuvault_migrate;

--
-- Name: missing_previews(text[], uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.missing_previews(in_types text[], in_after uuid, in_limit integer) RETURNS TABLE(user_id uuid, document_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 WITH page AS MATERIALIZED (
          SELECT d.id,
             d.user_id,
             d.status,
             d.sniffed_type
            FROM public.documents d
           WHERE (d.id > missing_previews.in_after)
           ORDER BY d.id
          LIMIT missing_previews.in_limit
         )
  SELECT p.user_id,
     p.id
    FROM page p
   WHERE ((p.status = ANY (ARRAY['ready'::text, 'failed'::text])) AND (p.sniffed_type = ANY (missing_previews.in_types)) AND (NOT (EXISTS ( SELECT
            FROM public.previews x
           WHERE (x.document_id = p.id)))))
 UNION ALL
  SELECT NULL::uuid,
     ( SELECT l.id
            FROM page l
           ORDER BY l.id DESC
          LIMIT 1) AS id
   WHERE (( SELECT count(*) AS count
            FROM page) = missing_previews.in_limit);
END;


ALTER FUNCTION public.missing_previews(in_types text[], in_after uuid, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: newest_era(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.newest_era() RETURNS integer
    LANGUAGE sql STABLE
    AS $$
  SELECT coalesce((SELECT (documents - 1) / 500 FROM search_eras WHERE user_id = app_user()), 0)::integer
$$;


ALTER FUNCTION public.newest_era() OWNER TO docuvault_migrate;

--
-- Name: next_era(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.next_era() RETURNS integer
    LANGUAGE sql
    AS $$
  INSERT INTO search_eras (user_id, documents) VALUES (app_user(), 1)
    ON CONFLICT (user_id) DO UPDATE SET documents = search_eras.documents + 1
    RETURNING ((documents - 1) / 500)::integer
$$;


ALTER FUNCTION public.next_era() OWNER TO docuvault_migrate;

--
-- Name: note_change(uuid, text, uuid, text); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_change(in_user uuid, in_kind text, in_item uuid, in_op text) RETURNS void
    LANGUAGE sql
    AS $$
  INSERT INTO changes (user_id, kind, item_id, op)
    SELECT in_user, in_kind, in_item, in_op FROM users WHERE id = in_user AND deleted_at IS NULL
$$;


ALTER FUNCTION public.note_change(in_user uuid, in_kind text, in_item uuid, in_op text) OWNER TO docuvault_migrate;

--
-- Name: note_gone(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_gone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM note_change(NEW.user_id, TG_ARGV[0], NEW.id, 'deleted');
  RETURN NULL;
END $$;


ALTER FUNCTION public.note_gone() OWNER TO docuvault_migrate;

--
-- Name: note_preview(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_preview() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM note_change(NEW.user_id, 'document', NEW.document_id, 'changed');
  RETURN NULL;
END $$;


ALTER FUNCTION public.note_preview() OWNER TO docuvault_migrate;

--
-- Name: note_quota(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_quota() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM note_change(NEW.user_id, 'quota', NEW.user_id, 'changed');
  RETURN NULL;
END $$;


ALTER FUNCTION public.note_quota() OWNER TO docuvault_migrate;

--
-- Name: note_row(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM note_change(OLD.user_id, TG_ARGV[0], OLD.id, 'deleted');
  ELSE
    PERFORM note_change(NEW.user_id, TG_ARGV[0], NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE 'changed' END);
  END IF;
  RETURN NULL;
END $$;


ALTER FUNCTION public.note_row() OWNER TO docuvault_migrate;

--
-- Name: note_tagging(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.note_tagging() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM note_change(d.user_id, 'document', d.id, 'changed')
     FROM documents d WHERE d.status <> 'purging' AND d.id IN (SELECT t.document_id FROM tagged t);
  RETURN NULL;
END $$;


ALTER FUNCTION public.note_tagging() OWNER TO docuvault_migrate;

--
-- Name: quota_crossed(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.quota_crossed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION public.quota_crossed() OWNER TO docuvault_migrate;

--
-- Name: redeem_invite(bytea, text); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.redeem_invite(in_hash bytea, in_email text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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


ALTER FUNCTION public.redeem_invite(in_hash bytea, in_email text) OWNER TO docuvault_migrate;

--
-- Name: require_admin(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.require_admin(in_session uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM sessions s JOIN users u ON u.id = s.user_id
                  WHERE s.id = in_session AND s.user_id = app_user()
                    AND u.role = 'admin' AND u.disabled_at IS NULL
                    AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
                    AND s.last_used_at + s.idle_timeout > clock_timestamp()) THEN
    RAISE EXCEPTION 'no administrator' USING ERRCODE = 'DV002';
  END IF;
END $$;


ALTER FUNCTION public.require_admin(in_session uuid) OWNER TO docuvault_migrate;

--
-- Name: require_folder(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.require_folder(in_folder uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF in_folder IS NOT NULL AND NOT EXISTS (SELECT FROM folders WHERE id = in_folder AND user_id = app_user() AND deleted_at IS NULL) THEN
    RAISE EXCEPTION 'no such folder' USING ERRCODE = 'DV422';
  END IF;
  RETURN in_folder;
END $$;


ALTER FUNCTION public.require_folder(in_folder uuid) OWNER TO docuvault_migrate;

--
-- Name: require_lease(uuid, bigint); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.require_lease(in_document uuid, in_fence bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  PERFORM FROM documents WHERE id = in_document AND user_id = app_user() AND status = 'processing' AND fence = in_fence FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'lease lost' USING ERRCODE = 'DV409';
  END IF;
END $$;


ALTER FUNCTION public.require_lease(in_document uuid, in_fence bigint) OWNER TO docuvault_migrate;

--
-- Name: require_other_admin(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.require_other_admin(in_user uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('docuvault.last_admin'));
  IF EXISTS (SELECT FROM users WHERE id = in_user AND role = 'admin' AND disabled_at IS NULL)
     AND NOT EXISTS (SELECT FROM users WHERE id <> in_user AND role = 'admin' AND disabled_at IS NULL) THEN
    RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'DV005';
  END IF;
END $$;


ALTER FUNCTION public.require_other_admin(in_user uuid) OWNER TO docuvault_migrate;

--
-- Name: require_text(uuid, bytea); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.require_text(in_document uuid, in_stamp bytea) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF (SELECT sha256(sealed) FROM texts WHERE document_id = in_document AND user_id = app_user()) IS DISTINCT FROM in_stamp THEN
    RAISE EXCEPTION 'another text' USING ERRCODE = 'DV409';
  END IF;
END $$;


ALTER FUNCTION public.require_text(in_document uuid, in_stamp bytea) OWNER TO docuvault_migrate;

--
-- Name: retry_preview(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.retry_preview() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  UPDATE previews SET failure = NULL, attempts = 0, next_due_at = clock_timestamp() + interval '5 minutes'
   WHERE document_id = NEW.id AND made_at IS NULL AND busy_until <= clock_timestamp();
  RETURN NULL;
END $$;


ALTER FUNCTION public.retry_preview() OWNER TO docuvault_migrate;

--
-- Name: revive_folder(uuid); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.revive_folder(in_folder uuid) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
  f record;
  parent uuid;
  here uuid;
BEGIN
  IF in_folder IS NULL OR EXISTS (SELECT FROM folders WHERE id = in_folder AND deleted_at IS NULL) THEN
    RETURN in_folder;
  END IF;
  FOR f IN WITH RECURSIVE up AS (
             SELECT x.id, x.parent_id, x.name_key, x.deleted_at, 1 AS n FROM folders x WHERE x.id = in_folder
             UNION ALL SELECT x.id, x.parent_id, x.name_key, x.deleted_at, up.n + 1 FROM folders x JOIN up ON x.id = up.parent_id WHERE up.n < 100)
           SELECT * FROM up ORDER BY n DESC
  LOOP
    IF f.deleted_at IS NULL THEN
      parent := f.id;
      CONTINUE;
    END IF;
    SELECT id INTO here FROM folders
     WHERE user_id = app_user() AND parent_id IS NOT DISTINCT FROM parent AND name_key = f.name_key AND deleted_at IS NULL;
    IF NOT FOUND THEN
      UPDATE folders SET deleted_at = NULL, parent_id = parent, version = version + 1 WHERE id = f.id;
      here := f.id;
    END IF;
    parent := here;
  END LOOP;
  RETURN parent;
EXCEPTION WHEN SQLSTATE 'DV423' THEN
  RETURN NULL;
END $$;


ALTER FUNCTION public.revive_folder(in_folder uuid) OWNER TO docuvault_migrate;

--
-- Name: search_among(uuid[], tsquery, tsquery[], tsquery); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery) RETURNS TABLE(document_id uuid)
    LANGUAGE sql STABLE
    AS $$
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


ALTER FUNCTION public.search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery) OWNER TO docuvault_migrate;

--
-- Name: search_few(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer) RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
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


ALTER FUNCTION public.search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer) OWNER TO docuvault_migrate;

--
-- Name: search_page(tsquery, tsquery[], tsquery, tsquery, tsquery[], tsquery, tsquery, tsquery[], integer, integer, uuid, integer, uuid, integer, uuid, integer, text[], uuid[], text[], bigint[], bigint[], text[], tsquery); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[], in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer, in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery) RETURNS TABLE(document_id uuid, rank integer, tier integer, top_era integer, top_id uuid, floor_era integer, floor_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    AS $$
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


ALTER FUNCTION public.search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[], in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer, in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery) OWNER TO docuvault_migrate;

--
-- Name: search_passing(uuid[], text[], bigint[], bigint[], text[], tsquery); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery) RETURNS TABLE(document_id uuid)
    LANGUAGE sql STABLE
    AS $$
  WITH f AS MATERIALIZED (
    SELECT 'f' || x.n AS name, x.kind, coalesce(x.low, -9223372036854775808) AS low, coalesce(x.high, 9223372036854775807) AS high,
           CASE WHEN x.kind IN ('topic', 'tag', 'folder') THEN x.members::uuid[] END AS ids,
           CASE WHEN x.kind IN ('type', 'status', 'language') THEN x.members::text[] END AS texts
      FROM unnest(in_kinds, in_lows, in_highs, in_members) WITH ORDINALITY x(kind, low, high, members, n))
  SELECT d.id FROM (SELECT o.* FROM documents o WHERE o.id = ANY (in_ids) OFFSET 0) d
   WHERE d.user_id = app_user() AND array_to_tsvector(ARRAY(SELECT f.name FROM f WHERE CASE f.kind
           WHEN 'topic' THEN d.topic_id = ANY (f.ids)
           WHEN 'tag' THEN EXISTS (SELECT FROM document_tags x WHERE x.document_id = d.id AND x.user_id = app_user() AND x.tag_id = ANY (f.ids))
           WHEN 'folder' THEN d.folder_id = ANY (f.ids)
           WHEN 'size' THEN d.size >= f.low AND d.size < f.high
           WHEN 'day' THEN d.day - '1970-01-01'::date >= f.low AND d.day - '1970-01-01'::date < f.high
           WHEN 'added' THEN extract(epoch FROM d.created_at) >= f.low AND extract(epoch FROM d.created_at) < f.high
           WHEN 'type' THEN split_part(coalesce(d.sniffed_type, d.content_type), ';', 1) LIKE ANY (f.texts)
           WHEN 'status' THEN d.status = ANY (f.texts)
           WHEN 'language' THEN d.language = ANY (f.texts)
         END)) @@ in_shape
$$;


ALTER FUNCTION public.search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery) OWNER TO docuvault_migrate;

--
-- Name: search_rows(tsquery, tsquery[], tsquery, tsquery); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.search_rows(in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_also tsquery) RETURNS TABLE(document_id uuid, era integer)
    LANGUAGE sql STABLE
    AS $$
  SELECT t.document_id, t.era FROM tokens t WHERE t.user_id = app_user() AND t.tsv @@ coalesce(in_all && in_also, in_all)
  UNION ALL
  SELECT t.document_id, t.era FROM unnest(in_leaves) WITH ORDINALITY l(q, n)
   CROSS JOIN LATERAL (SELECT o.document_id, o.era FROM tokens o WHERE o.user_id = app_user() AND o.tsv @@ coalesce(l.q && in_also, l.q) OFFSET 0) t
   GROUP BY t.document_id, t.era HAVING array_to_tsvector(array_agg(DISTINCT 'l' || l.n)) @@ in_shape
$$;


ALTER FUNCTION public.search_rows(in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_also tsquery) OWNER TO docuvault_migrate;

--
-- Name: lagging; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.lagging (
    document_id uuid NOT NULL,
    user_id uuid NOT NULL,
    stamp bigint NOT NULL
);
ALTER TABLE ONLY public.lagging ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.lagging FORCE ROW LEVEL SECURITY;


ALTER TABLE public.lagging OWNER TO docuvault_migrate;

--
-- Name: tokens; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.tokens (
    document_id uuid NOT NULL,
    part integer NOT NULL,
    user_id uuid NOT NULL,
    tsv tsvector NOT NULL,
    names tsvector[] DEFAULT '{}'::tsvector[] NOT NULL,
    era integer DEFAULT 0 NOT NULL,
    version integer DEFAULT 0 NOT NULL
)
WITH (toast_tuple_target='128');
ALTER TABLE ONLY public.tokens ALTER COLUMN user_id SET STATISTICS 0;
ALTER TABLE ONLY public.tokens ALTER COLUMN tsv SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.tokens ALTER COLUMN names SET STORAGE EXTERNAL;

ALTER TABLE ONLY public.tokens FORCE ROW LEVEL SECURITY;


ALTER TABLE public.tokens OWNER TO docuvault_migrate;

--
-- Name: stale_tokens(integer, uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.stale_tokens(in_version integer, in_after uuid, in_limit integer) RETURNS TABLE(user_id uuid, document_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT x.user_id,
     x.id
    FROM (( SELECT d.user_id,
             d.id
            FROM (public.tokens t
              JOIN public.documents d ON ((d.id = t.document_id)))
           WHERE ((t.part = 0) AND (t.version < stale_tokens.in_version) AND (t.document_id > stale_tokens.in_after) AND (d.status = ANY (ARRAY['ready'::text, 'failed'::text, 'trashed'::text])))
           ORDER BY t.document_id
          LIMIT stale_tokens.in_limit)
         UNION
         ( SELECT d.user_id,
             d.id
            FROM (public.lagging l
              JOIN public.documents d ON ((d.id = l.document_id)))
           WHERE ((l.document_id > stale_tokens.in_after) AND (d.status = ANY (ARRAY['ready'::text, 'failed'::text, 'trashed'::text])))
           ORDER BY l.document_id
          LIMIT stale_tokens.in_limit)) x
   ORDER BY x.id
  LIMIT stale_tokens.in_limit;
END;


ALTER FUNCTION public.stale_tokens(in_version integer, in_after uuid, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: take_key(); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.take_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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


ALTER FUNCTION public.take_key() OWNER TO docuvault_migrate;

--
-- Name: api_tokens; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.api_tokens (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name_sealed bytea NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT api_tokens_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['upload'::text, 'read'::text, 'write'::text])))
);
ALTER TABLE ONLY public.api_tokens ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.api_tokens FORCE ROW LEVEL SECURITY;


ALTER TABLE public.api_tokens OWNER TO docuvault_migrate;

--
-- Name: token_lookup(bytea); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.token_lookup(in_hash bytea) RETURNS TABLE(token_id uuid, user_id uuid, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT t.id,
     t.user_id,
     t.scopes
    FROM public.api_tokens t
   WHERE (t.hash = token_lookup.in_hash);
END;


ALTER FUNCTION public.token_lookup(in_hash bytea) OWNER TO docuvault_migrate;

--
-- Name: objects; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.objects (
    key text NOT NULL,
    user_id uuid,
    document_id uuid,
    kind text NOT NULL,
    size bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT objects_kind_check CHECK ((kind = ANY (ARRAY['preview'::text, 'export'::text, 'audit_head'::text]))),
    CONSTRAINT objects_owner CHECK (((kind = 'audit_head'::text) = (user_id IS NULL))),
    CONSTRAINT objects_size_check CHECK ((size >= 0))
);
ALTER TABLE ONLY public.objects ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.objects FORCE ROW LEVEL SECURITY;


ALTER TABLE public.objects OWNER TO docuvault_migrate;

--
-- Name: unknown_objects(text[]); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.unknown_objects(in_keys text[]) RETURNS TABLE(key text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT k.k
    FROM unnest(unknown_objects.in_keys) k(k)
   WHERE ((NOT (EXISTS ( SELECT
            FROM public.documents d
           WHERE (d.object_key = k.k)))) AND (NOT (EXISTS ( SELECT
            FROM public.objects o
           WHERE (o.key = k.k)))));
END;


ALTER FUNCTION public.unknown_objects(in_keys text[]) OWNER TO docuvault_migrate;

--
-- Name: user_ids(uuid, integer); Type: FUNCTION; Schema: public; Owner: docuvault_migrate
--

CREATE FUNCTION public.user_ids(in_after uuid, in_limit integer) RETURNS TABLE(user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    BEGIN ATOMIC
 SELECT u.id
    FROM public.users u
   WHERE ((u.id > user_ids.in_after) AND (u.deleted_at IS NULL))
   ORDER BY u.id
  LIMIT user_ids.in_limit;
END;


ALTER FUNCTION public.user_ids(in_after uuid, in_limit integer) OWNER TO docuvault_migrate;

--
-- Name: river_job_state_in_bitmask(bit, river.river_job_state); Type: FUNCTION; Schema: river; Owner: docuvault_migrate
--

CREATE FUNCTION river.river_job_state_in_bitmask(bitmask bit, state river.river_job_state) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE state
        WHEN 'available' THEN get_bit(bitmask, 7)
        WHEN 'cancelled' THEN get_bit(bitmask, 6)
        WHEN 'completed' THEN get_bit(bitmask, 5)
        WHEN 'discarded' THEN get_bit(bitmask, 4)
        WHEN 'pending'   THEN get_bit(bitmask, 3)
        WHEN 'retryable' THEN get_bit(bitmask, 2)
        WHEN 'running'   THEN get_bit(bitmask, 1)
        WHEN 'scheduled' THEN get_bit(bitmask, 0)
        ELSE 0
    END = 1;
$$;


ALTER FUNCTION river.river_job_state_in_bitmask(bitmask bit, state river.river_job_state) OWNER TO docuvault_migrate;

--
-- Name: alerts; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.alerts (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    session_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    read_at timestamp with time zone,
    CONSTRAINT alerts_kind_check CHECK ((kind = ANY (ARRAY['refresh_replayed'::text, 'new_device'::text, 'quota_80'::text, 'quota_95'::text, 'password_changed'::text, 'password_reset'::text, 'totp_enabled'::text, 'totp_disabled'::text, 'recovery_code_used'::text, 'token_created'::text])))
);
ALTER TABLE ONLY public.alerts ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.alerts FORCE ROW LEVEL SECURITY;


ALTER TABLE public.alerts OWNER TO docuvault_migrate;

--
-- Name: audit_log_id_seq; Type: SEQUENCE; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: audit_personal; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.audit_personal (
    audit_id bigint NOT NULL,
    user_id uuid NOT NULL,
    salt bytea NOT NULL,
    personal text NOT NULL
);
ALTER TABLE ONLY public.audit_personal ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.audit_personal FORCE ROW LEVEL SECURITY;


ALTER TABLE public.audit_personal OWNER TO docuvault_migrate;

--
-- Name: changes; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.changes (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    id bigint NOT NULL,
    user_id uuid NOT NULL,
    item_id uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    op text NOT NULL,
    CONSTRAINT changes_kind_check CHECK ((kind = ANY (ARRAY['document'::text, 'folder'::text, 'topic'::text, 'tag'::text, 'quota'::text, 'alert'::text]))),
    CONSTRAINT changes_op_check CHECK ((op = ANY (ARRAY['created'::text, 'changed'::text, 'deleted'::text])))
);
ALTER TABLE ONLY public.changes ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.changes FORCE ROW LEVEL SECURITY;


ALTER TABLE public.changes OWNER TO docuvault_migrate;

--
-- Name: changes_id_seq; Type: SEQUENCE; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.changes ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: classifier_tokens; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.classifier_tokens (
    user_id uuid NOT NULL,
    token text NOT NULL,
    topic_id uuid NOT NULL,
    count bigint NOT NULL,
    CONSTRAINT classifier_tokens_count_check CHECK ((count >= 0))
);
ALTER TABLE ONLY public.classifier_tokens ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.classifier_tokens FORCE ROW LEVEL SECURITY;


ALTER TABLE public.classifier_tokens OWNER TO docuvault_migrate;

--
-- Name: classifier_topics; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.classifier_topics (
    user_id uuid NOT NULL,
    topic_id uuid NOT NULL,
    documents bigint NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    CONSTRAINT classifier_topics_documents_check CHECK ((documents >= 0)),
    CONSTRAINT classifier_topics_size_check CHECK ((size >= 0))
);
ALTER TABLE ONLY public.classifier_topics ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.classifier_topics FORCE ROW LEVEL SECURITY;


ALTER TABLE public.classifier_topics OWNER TO docuvault_migrate;

--
-- Name: cursors; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.cursors (
    name text NOT NULL,
    "position" text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE public.cursors OWNER TO docuvault_migrate;

--
-- Name: document_tags; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.document_tags (
    document_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    user_id uuid NOT NULL
);
ALTER TABLE ONLY public.document_tags ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.document_tags FORCE ROW LEVEL SECURITY;


ALTER TABLE public.document_tags OWNER TO docuvault_migrate;

--
-- Name: folders; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.folders (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    parent_id uuid,
    name_key bytea NOT NULL,
    name_sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    deleted_at timestamp with time zone
);
ALTER TABLE ONLY public.folders ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.folders FORCE ROW LEVEL SECURITY;


ALTER TABLE public.folders OWNER TO docuvault_migrate;

--
-- Name: group_members; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.group_members (
    group_id uuid NOT NULL,
    user_id uuid NOT NULL
);
ALTER TABLE ONLY public.group_members ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.group_members FORCE ROW LEVEL SECURITY;


ALTER TABLE public.group_members OWNER TO docuvault_migrate;

--
-- Name: groups; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.groups (
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE public.groups OWNER TO docuvault_migrate;

--
-- Name: idempotency; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.idempotency (
    user_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    resource_id uuid,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY public.idempotency ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.idempotency FORCE ROW LEVEL SECURITY;


ALTER TABLE public.idempotency OWNER TO docuvault_migrate;

--
-- Name: invites; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.invites (
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    email text,
    created_by uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT invites_check CHECK (((used_at IS NULL) OR (revoked_at IS NULL))),
    CONSTRAINT invites_email_check CHECK ((email = lower(email)))
);


ALTER TABLE public.invites OWNER TO docuvault_migrate;

--
-- Name: TABLE invites; Type: COMMENT; Schema: public; Owner: docuvault_migrate
--

COMMENT ON TABLE public.invites IS 'reached through functions alone: no role but the owner has a grant';


--
-- Name: lagging_stamp_seq; Type: SEQUENCE; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.lagging ALTER COLUMN stamp ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.lagging_stamp_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: quotas; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.quotas (
    user_id uuid NOT NULL,
    limit_bytes bigint NOT NULL,
    used_bytes bigint DEFAULT 0 NOT NULL,
    reserved_bytes bigint DEFAULT 0 NOT NULL,
    document_limit bigint DEFAULT 1000000 NOT NULL,
    documents bigint DEFAULT 0 NOT NULL,
    open_uploads bigint DEFAULT 0 NOT NULL,
    CONSTRAINT quotas_document_limit_check CHECK ((document_limit >= 0)),
    CONSTRAINT quotas_documents_check CHECK ((documents >= 0)),
    CONSTRAINT quotas_limit_bytes_check CHECK ((limit_bytes >= 0)),
    CONSTRAINT quotas_open_uploads_check CHECK ((open_uploads >= 0)),
    CONSTRAINT quotas_reserved_bytes_check CHECK ((reserved_bytes >= 0)),
    CONSTRAINT quotas_used_bytes_check CHECK ((used_bytes >= 0))
);
ALTER TABLE ONLY public.quotas ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.quotas FORCE ROW LEVEL SECURITY;


ALTER TABLE public.quotas OWNER TO docuvault_migrate;

--
-- Name: TABLE quotas; Type: COMMENT; Schema: public; Owner: docuvault_migrate
--

COMMENT ON TABLE public.quotas IS 'no CHECK of used against limit: an administrator may lower a limit below what is used';


--
-- Name: rate_limits; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.rate_limits (
    bucket bytea NOT NULL,
    spent double precision NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);


ALTER TABLE public.rate_limits OWNER TO docuvault_migrate;

--
-- Name: recovery_codes; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.recovery_codes (
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    used_at timestamp with time zone
);
ALTER TABLE ONLY public.recovery_codes ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.recovery_codes FORCE ROW LEVEL SECURITY;


ALTER TABLE public.recovery_codes OWNER TO docuvault_migrate;

--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.schema_migrations (
    version character varying NOT NULL
);


ALTER TABLE public.schema_migrations OWNER TO docuvault_migrate;

--
-- Name: search_eras; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.search_eras (
    user_id uuid NOT NULL,
    documents bigint NOT NULL,
    CONSTRAINT search_eras_documents_check CHECK ((documents > 0))
);
ALTER TABLE ONLY public.search_eras ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.search_eras FORCE ROW LEVEL SECURITY;


ALTER TABLE public.search_eras OWNER TO docuvault_migrate;

--
-- Name: sessions; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation bigint DEFAULT 1 NOT NULL,
    rotated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    first_used_at timestamp with time zone,
    auth_time timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reauth_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    device text DEFAULT ''::text NOT NULL,
    network text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_used_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    idle_timeout interval NOT NULL,
    revoked_at timestamp with time zone,
    revoked_reason text,
    CONSTRAINT sessions_check CHECK (((revoked_at IS NULL) = (revoked_reason IS NULL))),
    CONSTRAINT sessions_device_check CHECK ((length(device) <= 200)),
    CONSTRAINT sessions_network_check CHECK ((length(network) <= 50)),
    CONSTRAINT sessions_revoked_reason_check CHECK ((revoked_reason = ANY (ARRAY['logout'::text, 'revoked'::text, 'replay'::text, 'password'::text, 'deleted'::text])))
);
ALTER TABLE ONLY public.sessions ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.sessions FORCE ROW LEVEL SECURITY;


ALTER TABLE public.sessions OWNER TO docuvault_migrate;

--
-- Name: tags; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.tags (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name_key bytea NOT NULL,
    name_sealed bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint DEFAULT 1 NOT NULL
);
ALTER TABLE ONLY public.tags ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.tags FORCE ROW LEVEL SECURITY;


ALTER TABLE public.tags OWNER TO docuvault_migrate;

--
-- Name: texts; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.texts (
    document_id uuid NOT NULL,
    user_id uuid NOT NULL,
    sealed bytea NOT NULL,
    source text NOT NULL,
    truncated boolean DEFAULT false NOT NULL,
    note text
);
ALTER TABLE ONLY public.texts ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.texts FORCE ROW LEVEL SECURITY;


ALTER TABLE public.texts OWNER TO docuvault_migrate;

--
-- Name: topics; Type: TABLE; Schema: public; Owner: docuvault_migrate
--

CREATE TABLE public.topics (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name_key bytea NOT NULL,
    name_sealed bytea NOT NULL,
    description_sealed bytea,
    colour text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    CONSTRAINT topics_colour_check CHECK ((colour ~ '^(#[0-9a-f]{6})?$'::text))
);
ALTER TABLE ONLY public.topics ALTER COLUMN user_id SET STATISTICS 0;

ALTER TABLE ONLY public.topics FORCE ROW LEVEL SECURITY;


ALTER TABLE public.topics OWNER TO docuvault_migrate;

--
-- Name: river_job; Type: TABLE; Schema: river; Owner: docuvault_migrate
--

CREATE TABLE river.river_job (
    id bigint NOT NULL,
    state river.river_job_state DEFAULT 'available'::river.river_job_state NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    attempted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finalized_at timestamp with time zone,
    scheduled_at timestamp with time zone DEFAULT now() NOT NULL,
    priority smallint DEFAULT 1 NOT NULL,
    args jsonb NOT NULL,
    attempted_by text[],
    errors jsonb[],
    kind text NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    queue text DEFAULT 'default'::text NOT NULL,
    tags character varying(255)[] DEFAULT '{}'::character varying[] NOT NULL,
    unique_key bytea,
    unique_states bit(8),
    CONSTRAINT finalized_or_finalized_at_null CHECK ((((finalized_at IS NULL) AND (state <> ALL (ARRAY['cancelled'::river.river_job_state, 'completed'::river.river_job_state, 'discarded'::river.river_job_state]))) OR ((finalized_at IS NOT NULL) AND (state = ANY (ARRAY['cancelled'::river.river_job_state, 'completed'::river.river_job_state, 'discarded'::river.river_job_state]))))),
    CONSTRAINT kind_length CHECK (((char_length(kind) > 0) AND (char_length(kind) < 128))),
    CONSTRAINT max_attempts_is_positive CHECK ((max_attempts > 0)),
    CONSTRAINT priority_in_range CHECK (((priority >= 1) AND (priority <= 4))),
    CONSTRAINT queue_length CHECK (((char_length(queue) > 0) AND (char_length(queue) < 128)))
);


ALTER TABLE river.river_job OWNER TO docuvault_migrate;

--
-- Name: river_job_id_seq; Type: SEQUENCE; Schema: river; Owner: docuvault_migrate
--

CREATE SEQUENCE river.river_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE river.river_job_id_seq OWNER TO docuvault_migrate;

--
-- Name: river_job_id_seq; Type: SEQUENCE OWNED BY; Schema: river; Owner: docuvault_migrate
--

ALTER SEQUENCE river.river_job_id_seq OWNED BY river.river_job.id;


--
-- Name: river_leader; Type: TABLE; Schema: river; Owner: docuvault_migrate
--

CREATE UNLOGGED TABLE river.river_leader (
    elected_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    leader_id text NOT NULL,
    name text DEFAULT 'default'::text NOT NULL,
    CONSTRAINT leader_id_length CHECK (((char_length(leader_id) > 0) AND (char_length(leader_id) < 128))),
    CONSTRAINT name_length CHECK ((name = 'default'::text))
);


ALTER TABLE river.river_leader OWNER TO docuvault_migrate;

--
-- Name: river_migration; Type: TABLE; Schema: river; Owner: docuvault_migrate
--

CREATE TABLE river.river_migration (
    line text NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT line_length CHECK (((char_length(line) > 0) AND (char_length(line) < 128))),
    CONSTRAINT version_gte_1 CHECK ((version >= 1))
);


ALTER TABLE river.river_migration OWNER TO docuvault_migrate;

--
-- Name: river_notification; Type: TABLE; Schema: river; Owner: docuvault_migrate
--

CREATE TABLE river.river_notification (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    payload text NOT NULL,
    topic text NOT NULL,
    CONSTRAINT topic_length CHECK (((length(topic) > 0) AND (length(topic) < 128)))
);


ALTER TABLE river.river_notification OWNER TO docuvault_migrate;

--
-- Name: river_notification_id_seq; Type: SEQUENCE; Schema: river; Owner: docuvault_migrate
--

CREATE SEQUENCE river.river_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE river.river_notification_id_seq OWNER TO docuvault_migrate;

--
-- Name: river_notification_id_seq; Type: SEQUENCE OWNED BY; Schema: river; Owner: docuvault_migrate
--

ALTER SEQUENCE river.river_notification_id_seq OWNED BY river.river_notification.id;


--
-- Name: river_queue; Type: TABLE; Schema: river; Owner: docuvault_migrate
--

CREATE TABLE river.river_queue (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    paused_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


ALTER TABLE river.river_queue OWNER TO docuvault_migrate;

--
-- Name: river_job id; Type: DEFAULT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_job ALTER COLUMN id SET DEFAULT nextval('river.river_job_id_seq'::regclass);


--
-- Name: river_notification id; Type: DEFAULT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_notification ALTER COLUMN id SET DEFAULT nextval('river.river_notification_id_seq'::regclass);


--
-- Name: alerts alerts_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (id);


--
-- Name: api_tokens api_tokens_hash_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_hash_key UNIQUE (hash);


--
-- Name: api_tokens api_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (id);


--
-- Name: audit_log audit_log_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);


--
-- Name: audit_personal audit_personal_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_personal
    ADD CONSTRAINT audit_personal_pkey PRIMARY KEY (audit_id);


--
-- Name: audit_seals audit_seals_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_pkey PRIMARY KEY (number);


--
-- Name: audit_seals audit_seals_previous_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_seals
    ADD CONSTRAINT audit_seals_previous_key UNIQUE (previous);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (user_id, xid, id);


--
-- Name: classifier_tokens classifier_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_tokens
    ADD CONSTRAINT classifier_tokens_pkey PRIMARY KEY (user_id, token, topic_id);


--
-- Name: classifier_topics classifier_topics_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_topics
    ADD CONSTRAINT classifier_topics_pkey PRIMARY KEY (user_id, topic_id);


--
-- Name: credentials credentials_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (user_id, kind);


--
-- Name: cursors cursors_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (name);


--
-- Name: document_tags document_tags_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.document_tags
    ADD CONSTRAINT document_tags_pkey PRIMARY KEY (document_id, tag_id);


--
-- Name: documents documents_object_key_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_object_key_key UNIQUE (object_key);


--
-- Name: documents documents_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (id);


--
-- Name: erasures erasures_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (user_id);


--
-- Name: folders folders_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.folders
    ADD CONSTRAINT folders_pkey PRIMARY KEY (id);


--
-- Name: group_members group_members_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_pkey PRIMARY KEY (group_id, user_id);


--
-- Name: groups groups_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (id);


--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (user_id, key_hash);


--
-- Name: invites invites_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_pkey PRIMARY KEY (id);


--
-- Name: invites invites_token_hash_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.invites
    ADD CONSTRAINT invites_token_hash_key UNIQUE (token_hash);


--
-- Name: lagging lagging_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.lagging
    ADD CONSTRAINT lagging_pkey PRIMARY KEY (document_id);


--
-- Name: mails mails_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (id);


--
-- Name: mails mails_user_id_kind_dedupe_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_user_id_kind_dedupe_key UNIQUE (user_id, kind, dedupe);


--
-- Name: objects objects_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (key);


--
-- Name: previews previews_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.previews
    ADD CONSTRAINT previews_pkey PRIMARY KEY (document_id);


--
-- Name: quotas quotas_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (user_id);


--
-- Name: rate_limits rate_limits_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.rate_limits
    ADD CONSTRAINT rate_limits_pkey PRIMARY KEY (bucket);


--
-- Name: recovery_codes recovery_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, hash);


--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);


--
-- Name: search_eras search_eras_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.search_eras
    ADD CONSTRAINT search_eras_pkey PRIMARY KEY (user_id);


--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);


--
-- Name: tags tags_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);


--
-- Name: tags tags_user_id_name_key_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_user_id_name_key_key UNIQUE (user_id, name_key);


--
-- Name: texts texts_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.texts
    ADD CONSTRAINT texts_pkey PRIMARY KEY (document_id);


--
-- Name: tokens tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (document_id, part);


--
-- Name: topics topics_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_pkey PRIMARY KEY (id);


--
-- Name: topics topics_user_id_name_key_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_user_id_name_key_key UNIQUE (user_id, name_key);


--
-- Name: user_keys user_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.user_keys
    ADD CONSTRAINT user_keys_pkey PRIMARY KEY (user_id, number);


--
-- Name: users users_email_key; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: river_job river_job_pkey; Type: CONSTRAINT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_job
    ADD CONSTRAINT river_job_pkey PRIMARY KEY (id);


--
-- Name: river_leader river_leader_pkey; Type: CONSTRAINT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_leader
    ADD CONSTRAINT river_leader_pkey PRIMARY KEY (name);


--
-- Name: river_migration river_migration_pkey1; Type: CONSTRAINT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_migration
    ADD CONSTRAINT river_migration_pkey1 PRIMARY KEY (line, version);


--
-- Name: river_notification river_notification_pkey; Type: CONSTRAINT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_notification
    ADD CONSTRAINT river_notification_pkey PRIMARY KEY (id);


--
-- Name: river_queue river_queue_pkey; Type: CONSTRAINT; Schema: river; Owner: docuvault_migrate
--

ALTER TABLE ONLY river.river_queue
    ADD CONSTRAINT river_queue_pkey PRIMARY KEY (name);


--
-- Name: alerts_replay_once; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE UNIQUE INDEX alerts_replay_once ON public.alerts USING btree (session_id) WHERE (kind = 'refresh_replayed'::text);


--
-- Name: alerts_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX alerts_user ON public.alerts USING btree (user_id, id DESC);


--
-- Name: api_tokens_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX api_tokens_user ON public.api_tokens USING btree (user_id, id);


--
-- Name: audit_log_order; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX audit_log_order ON public.audit_log USING btree (xid, id);


--
-- Name: audit_log_target; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX audit_log_target ON public.audit_log USING btree (user_id, target, id DESC) WHERE (target IS NOT NULL);


--
-- Name: audit_log_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX audit_log_user ON public.audit_log USING btree (user_id, id DESC);


--
-- Name: audit_personal_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX audit_personal_user ON public.audit_personal USING btree (user_id);


--
-- Name: audit_seals_ranges; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX audit_seals_ranges ON public.audit_seals USING gist (ranges);


--
-- Name: document_tags_tag; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX document_tags_tag ON public.document_tags USING btree (tag_id);


--
-- Name: document_tags_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX document_tags_user ON public.document_tags USING btree (user_id, tag_id) INCLUDE (document_id);


--
-- Name: documents_bytes; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE UNIQUE INDEX documents_bytes ON public.documents USING btree (user_id, sha256) WHERE ((NOT allow_duplicate) AND (status <> ALL (ARRAY['rejected'::text, 'expired'::text])));


--
-- Name: documents_dated; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_dated ON public.documents USING btree (user_id, (
CASE
    WHEN (document_date IS NULL) THEN '-infinity'::date
    ELSE document_date
END) DESC, id DESC);


--
-- Name: documents_day; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_day ON public.documents USING btree (user_id, day DESC, id DESC);


--
-- Name: documents_due; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_due ON public.documents USING btree (next_due_at) WHERE (next_due_at IS NOT NULL);


--
-- Name: documents_folder; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_folder ON public.documents USING btree (folder_id, created_at DESC, id DESC) WHERE (folder_id IS NOT NULL);


--
-- Name: documents_learned; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_learned ON public.documents USING btree (learned_topic_id) WHERE (learned_topic_id IS NOT NULL);


--
-- Name: documents_list; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_list ON public.documents USING btree (user_id, created_at DESC, id DESC);


--
-- Name: documents_size; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_size ON public.documents USING btree (user_id, size DESC, id DESC);


--
-- Name: documents_summary; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_summary ON public.documents USING btree (user_id, status) INCLUDE (id, size, folder_id, topic_id, document_date, created_at);


--
-- Name: documents_topic; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_topic ON public.documents USING btree (topic_id, created_at DESC, id DESC) WHERE (topic_id IS NOT NULL);


--
-- Name: documents_trash; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_trash ON public.documents USING btree (user_id, (
CASE
    WHEN (trashed_at IS NULL) THEN created_at
    ELSE trashed_at
END) DESC, id DESC) WHERE (status = 'trashed'::text);


--
-- Name: documents_undated; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_undated ON public.documents USING btree (user_id, created_at DESC, id DESC) WHERE (document_date IS NULL);


--
-- Name: documents_updated; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX documents_updated ON public.documents USING btree (user_id, updated_at DESC, id DESC);


--
-- Name: erasures_due; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX erasures_due ON public.erasures USING btree (next_due_at);


--
-- Name: folders_deleted; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX folders_deleted ON public.folders USING btree (user_id) WHERE (deleted_at IS NOT NULL);


--
-- Name: folders_name; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE UNIQUE INDEX folders_name ON public.folders USING btree (user_id, parent_id, name_key) NULLS NOT DISTINCT WHERE (deleted_at IS NULL);


--
-- Name: folders_parent; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX folders_parent ON public.folders USING btree (parent_id) WHERE (parent_id IS NOT NULL);


--
-- Name: idempotency_age; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX idempotency_age ON public.idempotency USING btree (created_at);


--
-- Name: mails_due; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX mails_due ON public.mails USING btree (next_due_at) WHERE (next_due_at IS NOT NULL);


--
-- Name: objects_document; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX objects_document ON public.objects USING btree (document_id);


--
-- Name: previews_due; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX previews_due ON public.previews USING btree (next_due_at) WHERE (next_due_at IS NOT NULL);


--
-- Name: previews_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX previews_user ON public.previews USING btree (user_id);


--
-- Name: sessions_user; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX sessions_user ON public.sessions USING btree (user_id, created_at DESC);


--
-- Name: tokens_search; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX tokens_search ON public.tokens USING gin (user_id, tsv) WITH (gin_pending_list_limit='256');


--
-- Name: tokens_version; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX tokens_version ON public.tokens USING btree (version, document_id) WHERE (part = 0);


--
-- Name: user_keys_master; Type: INDEX; Schema: public; Owner: docuvault_migrate
--

CREATE INDEX user_keys_master ON public.user_keys USING btree (master_id);


--
-- Name: river_job_args_index; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_job_args_index ON river.river_job USING gin (args);


--
-- Name: river_job_kind; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_job_kind ON river.river_job USING btree (kind);


--
-- Name: river_job_metadata_index; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_job_metadata_index ON river.river_job USING gin (metadata);


--
-- Name: river_job_prioritized_fetching_index; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_job_prioritized_fetching_index ON river.river_job USING btree (state, queue, priority, scheduled_at, id);


--
-- Name: river_job_state_and_finalized_at_index; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_job_state_and_finalized_at_index ON river.river_job USING btree (state, finalized_at) WHERE (finalized_at IS NOT NULL);


--
-- Name: river_job_unique_idx; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE UNIQUE INDEX river_job_unique_idx ON river.river_job USING btree (unique_key) WHERE ((unique_key IS NOT NULL) AND (unique_states IS NOT NULL) AND river.river_job_state_in_bitmask(unique_states, state));


--
-- Name: river_notification_created_at_idx; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_notification_created_at_idx ON river.river_notification USING btree (created_at);


--
-- Name: river_notification_topic_id_idx; Type: INDEX; Schema: river; Owner: docuvault_migrate
--

CREATE INDEX river_notification_topic_id_idx ON river.river_notification USING btree (topic, id);


--
-- Name: alerts alerts_noted; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER alerts_noted AFTER INSERT OR DELETE OR UPDATE ON public.alerts FOR EACH ROW EXECUTE FUNCTION public.note_row('alert');


--
-- Name: document_tags document_tags_gone; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER document_tags_gone AFTER DELETE ON public.document_tags REFERENCING OLD TABLE AS tagged FOR EACH STATEMENT EXECUTE FUNCTION public.note_tagging();


--
-- Name: document_tags document_tags_made; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER document_tags_made AFTER INSERT ON public.document_tags REFERENCING NEW TABLE AS tagged FOR EACH STATEMENT EXECUTE FUNCTION public.note_tagging();


--
-- Name: documents documents_changed; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_changed AFTER UPDATE ON public.documents FOR EACH ROW WHEN (((new.status <> 'purging'::text) AND (((((((((((((((old.status IS DISTINCT FROM new.status) OR (old.failure IS DISTINCT FROM new.failure)) OR (old.filename_sealed IS DISTINCT FROM new.filename_sealed)) OR (old.title_sealed IS DISTINCT FROM new.title_sealed)) OR (old.correspondent_sealed IS DISTINCT FROM new.correspondent_sealed)) OR (old.notes_sealed IS DISTINCT FROM new.notes_sealed)) OR (old.reference_sealed IS DISTINCT FROM new.reference_sealed)) OR (old.suggestions_sealed IS DISTINCT FROM new.suggestions_sealed)) OR (old.folder_id IS DISTINCT FROM new.folder_id)) OR (old.topic_id IS DISTINCT FROM new.topic_id)) OR (old.topic_source IS DISTINCT FROM new.topic_source)) OR (old.document_date IS DISTINCT FROM new.document_date)) OR (old.page_count IS DISTINCT FROM new.page_count)) OR (old.language IS DISTINCT FROM new.language)) OR (old.sniffed_type IS DISTINCT FROM new.sniffed_type)))) EXECUTE FUNCTION public.note_row('document');


--
-- Name: documents documents_gone; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_gone AFTER DELETE ON public.documents FOR EACH ROW EXECUTE FUNCTION public.note_row('document');


--
-- Name: documents documents_guard; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_guard BEFORE UPDATE ON public.documents FOR EACH ROW EXECUTE FUNCTION public.documents_guard();


--
-- Name: documents documents_made; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_made AFTER INSERT ON public.documents FOR EACH ROW EXECUTE FUNCTION public.note_row('document');


--
-- Name: documents documents_purging; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_purging AFTER UPDATE ON public.documents FOR EACH ROW WHEN (((new.status = 'purging'::text) AND (old.status <> 'purging'::text))) EXECUTE FUNCTION public.note_gone('document');


--
-- Name: documents documents_reprocessed; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER documents_reprocessed AFTER UPDATE ON public.documents FOR EACH ROW WHEN (((old.status = ANY (ARRAY['ready'::text, 'failed'::text])) AND (new.status = 'stored'::text))) EXECUTE FUNCTION public.retry_preview();


--
-- Name: folders folders_changed; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER folders_changed AFTER UPDATE ON public.folders FOR EACH ROW WHEN ((new.deleted_at IS NULL)) EXECUTE FUNCTION public.note_row('folder');


--
-- Name: folders folders_gone; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER folders_gone AFTER UPDATE ON public.folders FOR EACH ROW WHEN ((new.deleted_at IS NOT NULL)) EXECUTE FUNCTION public.note_gone('folder');


--
-- Name: folders folders_guard; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER folders_guard BEFORE INSERT OR UPDATE OF parent_id, deleted_at ON public.folders FOR EACH ROW EXECUTE FUNCTION public.folders_guard();


--
-- Name: folders folders_limit; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER folders_limit AFTER INSERT ON public.folders REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.limit_rows('10000');


--
-- Name: folders folders_made; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER folders_made AFTER INSERT ON public.folders FOR EACH ROW EXECUTE FUNCTION public.note_row('folder');


--
-- Name: previews previews_made; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER previews_made AFTER UPDATE ON public.previews FOR EACH ROW WHEN (((old.made_at IS NULL) AND (new.made_at IS NOT NULL))) EXECUTE FUNCTION public.note_preview();


--
-- Name: quotas quota_crossed; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER quota_crossed AFTER UPDATE OF used_bytes, limit_bytes ON public.quotas FOR EACH ROW WHEN (((new.used_bytes > old.used_bytes) OR (new.limit_bytes < old.limit_bytes))) EXECUTE FUNCTION public.quota_crossed();


--
-- Name: quotas quotas_noted; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER quotas_noted AFTER UPDATE ON public.quotas FOR EACH ROW WHEN (((old.limit_bytes IS DISTINCT FROM new.limit_bytes) OR (old.document_limit IS DISTINCT FROM new.document_limit))) EXECUTE FUNCTION public.note_quota();


--
-- Name: tags tags_limit; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER tags_limit AFTER INSERT ON public.tags REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.limit_rows('5000');


--
-- Name: tags tags_noted; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER tags_noted AFTER INSERT OR DELETE OR UPDATE ON public.tags FOR EACH ROW EXECUTE FUNCTION public.note_row('tag');


--
-- Name: audit_log take_key; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER take_key AFTER INSERT ON public.audit_log FOR EACH ROW WHEN ((NULLIF(current_setting('app.claim'::text, true), ''::text) IS NOT NULL)) EXECUTE FUNCTION public.take_key();


--
-- Name: topics topics_limit; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER topics_limit AFTER INSERT ON public.topics REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION public.limit_rows('1000');


--
-- Name: topics topics_noted; Type: TRIGGER; Schema: public; Owner: docuvault_migrate
--

CREATE TRIGGER topics_noted AFTER INSERT OR DELETE OR UPDATE ON public.topics FOR EACH ROW EXECUTE FUNCTION public.note_row('topic');


--
-- Name: alerts alerts_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: api_tokens api_tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: audit_personal audit_personal_audit_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_personal
    ADD CONSTRAINT audit_personal_audit_id_fkey FOREIGN KEY (audit_id) REFERENCES public.audit_log(id);


--
-- Name: audit_personal audit_personal_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.audit_personal
    ADD CONSTRAINT audit_personal_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: classifier_tokens classifier_tokens_topic_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_tokens
    ADD CONSTRAINT classifier_tokens_topic_id_fkey FOREIGN KEY (topic_id) REFERENCES public.topics(id) ON DELETE CASCADE;


--
-- Name: classifier_tokens classifier_tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_tokens
    ADD CONSTRAINT classifier_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: classifier_topics classifier_topics_topic_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_topics
    ADD CONSTRAINT classifier_topics_topic_id_fkey FOREIGN KEY (topic_id) REFERENCES public.topics(id) ON DELETE CASCADE;


--
-- Name: classifier_topics classifier_topics_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.classifier_topics
    ADD CONSTRAINT classifier_topics_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: credentials credentials_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: document_tags document_tags_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.document_tags
    ADD CONSTRAINT document_tags_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.documents(id) ON DELETE CASCADE;


--
-- Name: document_tags document_tags_tag_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.document_tags
    ADD CONSTRAINT document_tags_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES public.tags(id) ON DELETE CASCADE;


--
-- Name: document_tags document_tags_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.document_tags
    ADD CONSTRAINT document_tags_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: documents documents_folder_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_folder_id_fkey FOREIGN KEY (folder_id) REFERENCES public.folders(id);


--
-- Name: documents documents_learned_topic_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_learned_topic_id_fkey FOREIGN KEY (learned_topic_id) REFERENCES public.topics(id) ON DELETE SET NULL;


--
-- Name: documents documents_topic_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_topic_id_fkey FOREIGN KEY (topic_id) REFERENCES public.topics(id);


--
-- Name: documents documents_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: folders folders_parent_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.folders
    ADD CONSTRAINT folders_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.folders(id);


--
-- Name: folders folders_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.folders
    ADD CONSTRAINT folders_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: group_members group_members_group_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_group_id_fkey FOREIGN KEY (group_id) REFERENCES public.groups(id) ON DELETE CASCADE;


--
-- Name: group_members group_members_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT group_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: idempotency idempotency_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: lagging lagging_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.lagging
    ADD CONSTRAINT lagging_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: mails mails_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: objects objects_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.documents(id);


--
-- Name: objects objects_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.objects
    ADD CONSTRAINT objects_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);


--
-- Name: previews previews_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.previews
    ADD CONSTRAINT previews_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.documents(id) ON DELETE CASCADE;


--
-- Name: previews previews_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.previews
    ADD CONSTRAINT previews_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: quotas quotas_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.quotas
    ADD CONSTRAINT quotas_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: recovery_codes recovery_codes_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: search_eras search_eras_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.search_eras
    ADD CONSTRAINT search_eras_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: sessions sessions_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: tags tags_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: texts texts_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.texts
    ADD CONSTRAINT texts_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.documents(id) ON DELETE CASCADE;


--
-- Name: texts texts_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.texts
    ADD CONSTRAINT texts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: tokens tokens_document_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_document_id_fkey FOREIGN KEY (document_id) REFERENCES public.documents(id) ON DELETE CASCADE;


--
-- Name: tokens tokens_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: topics topics_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: user_keys user_keys_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE ONLY public.user_keys
    ADD CONSTRAINT user_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;


--
-- Name: alerts admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.alerts FOR INSERT TO docuvault_migrate WITH CHECK ((user_id = public.admin_target()));


--
-- Name: audit_log admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.audit_log FOR INSERT TO docuvault_migrate WITH CHECK (((user_id = public.admin_target()) AND (actor = 'admin'::text)));


--
-- Name: changes admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.changes FOR INSERT TO docuvault_migrate WITH CHECK ((user_id = public.admin_target()));


--
-- Name: mails admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.mails FOR INSERT TO docuvault_migrate WITH CHECK ((user_id = public.admin_target()));


--
-- Name: quotas admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.quotas FOR UPDATE TO docuvault_migrate USING ((user_id = public.admin_target()));


--
-- Name: sessions admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.sessions FOR UPDATE TO docuvault_migrate USING ((user_id = public.admin_target()));


--
-- Name: users admin_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY admin_writes ON public.users FOR UPDATE TO docuvault_migrate USING ((id = public.admin_target()));


--
-- Name: alerts; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.alerts ENABLE ROW LEVEL SECURITY;

--
-- Name: api_tokens; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.api_tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_personal; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.audit_personal ENABLE ROW LEVEL SECURITY;

--
-- Name: changes; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.changes ENABLE ROW LEVEL SECURITY;

--
-- Name: classifier_tokens; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.classifier_tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: classifier_topics; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.classifier_topics ENABLE ROW LEVEL SECURITY;

--
-- Name: credentials; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

--
-- Name: document_tags; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.document_tags ENABLE ROW LEVEL SECURITY;

--
-- Name: documents; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.documents ENABLE ROW LEVEL SECURITY;

--
-- Name: erasures; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.erasures ENABLE ROW LEVEL SECURITY;

--
-- Name: folders; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.folders ENABLE ROW LEVEL SECURITY;

--
-- Name: group_members; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.group_members ENABLE ROW LEVEL SECURITY;

--
-- Name: objects heads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY heads ON public.objects FOR INSERT TO docuvault_migrate WITH CHECK (((kind = 'audit_head'::text) AND (user_id IS NULL)));


--
-- Name: idempotency; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: lagging; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.lagging ENABLE ROW LEVEL SECURITY;

--
-- Name: mails; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.mails ENABLE ROW LEVEL SECURITY;

--
-- Name: objects; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.objects ENABLE ROW LEVEL SECURITY;

--
-- Name: alerts owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.alerts FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: api_tokens owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.api_tokens FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: audit_log owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.audit_log FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: audit_personal owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.audit_personal FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: changes owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.changes FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: classifier_tokens owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.classifier_tokens FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: classifier_topics owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.classifier_topics FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: credentials owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.credentials FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: document_tags owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.document_tags FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: documents owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.documents FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: erasures owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.erasures FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: folders owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.folders FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: group_members owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.group_members FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: idempotency owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.idempotency FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: lagging owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.lagging FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: mails owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.mails FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: objects owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.objects FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: previews owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.previews FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: quotas owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.quotas FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: recovery_codes owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.recovery_codes FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: search_eras owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.search_eras FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: sessions owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.sessions FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: tags owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.tags FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: texts owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.texts FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: tokens owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.tokens FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: topics owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.topics FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: user_keys owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.user_keys FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: users owner_reads; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY owner_reads ON public.users FOR SELECT TO docuvault_migrate USING (true);


--
-- Name: previews; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.previews ENABLE ROW LEVEL SECURITY;

--
-- Name: quotas; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.quotas ENABLE ROW LEVEL SECURITY;

--
-- Name: recovery_codes; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.recovery_codes ENABLE ROW LEVEL SECURITY;

--
-- Name: search_eras; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.search_eras ENABLE ROW LEVEL SECURITY;

--
-- Name: sessions; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

--
-- Name: audit_log system_writes; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY system_writes ON public.audit_log FOR INSERT TO docuvault_app WITH CHECK (((user_id IS NULL) AND (NULLIF(current_setting('app.user_id'::text, true), ''::text) IS NULL)));


--
-- Name: tags; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.tags ENABLE ROW LEVEL SECURITY;

--
-- Name: alerts tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.alerts USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: api_tokens tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.api_tokens USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: audit_log tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.audit_log USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: audit_personal tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.audit_personal USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: changes tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.changes USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: classifier_tokens tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.classifier_tokens USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: classifier_topics tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.classifier_topics USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: credentials tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.credentials USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: document_tags tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.document_tags USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: documents tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.documents USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: erasures tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.erasures USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: folders tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.folders USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: group_members tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.group_members USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: idempotency tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.idempotency USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: lagging tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.lagging USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: mails tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.mails USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: objects tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.objects USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: previews tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.previews USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: quotas tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.quotas USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: recovery_codes tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.recovery_codes USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: search_eras tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.search_eras USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: sessions tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.sessions USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: tags tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.tags USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: texts tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.texts USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: tokens tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.tokens USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: topics tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.topics USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: user_keys tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.user_keys USING ((user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: users tenant; Type: POLICY; Schema: public; Owner: docuvault_migrate
--

CREATE POLICY tenant ON public.users USING ((id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid));


--
-- Name: texts; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.texts ENABLE ROW LEVEL SECURITY;

--
-- Name: tokens; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.tokens ENABLE ROW LEVEL SECURITY;

--
-- Name: topics; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.topics ENABLE ROW LEVEL SECURITY;

--
-- Name: user_keys; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.user_keys ENABLE ROW LEVEL SECURITY;

--
-- Name: users; Type: ROW SECURITY; Schema: public; Owner: docuvault_migrate
--

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: docuvault_migrate
--

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO docuvault_app;


--
-- Name: SCHEMA river; Type: ACL; Schema: -; Owner: docuvault_migrate
--

GRANT USAGE ON SCHEMA river TO docuvault_app;


--
-- Name: FUNCTION admin_audit(in_session uuid, in_before bigint, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_audit(in_session uuid, in_before bigint, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_audit(in_session uuid, in_before bigint, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_change_user(in_session uuid, in_user uuid, in_limit bigint, in_disabled boolean) TO docuvault_app;


--
-- Name: FUNCTION admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_create_invite(in_session uuid, in_id uuid, in_hash bytea, in_email text, in_ttl interval) TO docuvault_app;


--
-- Name: FUNCTION admin_invites(in_session uuid, in_after uuid, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_invites(in_session uuid, in_after uuid, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_invites(in_session uuid, in_after uuid, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION admin_revoke_invite(in_session uuid, in_id uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_revoke_invite(in_session uuid, in_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_revoke_invite(in_session uuid, in_id uuid) TO docuvault_app;


--
-- Name: FUNCTION admin_stats(in_session uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_stats(in_session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_stats(in_session uuid) TO docuvault_app;


--
-- Name: FUNCTION admin_target(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_target() FROM PUBLIC;


--
-- Name: FUNCTION admin_users(in_session uuid, in_after uuid, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.admin_users(in_session uuid, in_after uuid, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admin_users(in_session uuid, in_after uuid, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION app_user(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.app_user() FROM PUBLIC;
GRANT ALL ON FUNCTION public.app_user() TO docuvault_app;


--
-- Name: FUNCTION audit_field(bytea); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_field(bytea) FROM PUBLIC;


--
-- Name: FUNCTION audit_micros(timestamp with time zone); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_micros(timestamp with time zone) FROM PUBLIC;


--
-- Name: TABLE audit_log; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(id) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.user_id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(user_id) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.actor; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(actor) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.action; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(action) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.target; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(target) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.personal_mac; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(personal_mac) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: COLUMN audit_log.metadata; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(metadata) ON TABLE public.audit_log TO docuvault_app;


--
-- Name: FUNCTION audit_leaf(l public.audit_log); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_leaf(l public.audit_log) FROM PUBLIC;


--
-- Name: FUNCTION audit_root(in_leaves bytea[]); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_root(in_leaves bytea[]) FROM PUBLIC;


--
-- Name: FUNCTION audit_seal(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_seal(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_seal(in_limit integer) TO docuvault_app;


--
-- Name: TABLE audit_seals; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.audit_seals TO docuvault_app;


--
-- Name: FUNCTION audit_seal_hash(s public.audit_seals); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_seal_hash(s public.audit_seals) FROM PUBLIC;


--
-- Name: FUNCTION audit_seal_restored(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_seal_restored(in_limit integer) FROM PUBLIC;


--
-- Name: FUNCTION audit_write(in_actor text, in_action text, in_target uuid, in_metadata jsonb, in_salt bytea, in_mac bytea, in_personal text); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.audit_write(in_actor text, in_action text, in_target uuid, in_metadata jsonb, in_salt bytea, in_mac bytea, in_personal text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.audit_write(in_actor text, in_action text, in_target uuid, in_metadata jsonb, in_salt bytea, in_mac bytea, in_personal text) TO docuvault_app;


--
-- Name: FUNCTION begin_erasure(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.begin_erasure() FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_erasure() TO docuvault_app;


--
-- Name: FUNCTION check_reauth(in_session uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.check_reauth(in_session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.check_reauth(in_session uuid) TO docuvault_app;


--
-- Name: FUNCTION check_session(in_session uuid, in_generation bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.check_session(in_session uuid, in_generation bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.check_session(in_session uuid, in_generation bigint) TO docuvault_app;


--
-- Name: FUNCTION check_token(in_token uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.check_token(in_token uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.check_token(in_token uuid) TO docuvault_app;


--
-- Name: FUNCTION claim_key(in_key bytea, in_request bytea, in_status integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.claim_key(in_key bytea, in_request bytea, in_status integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.claim_key(in_key bytea, in_request bytea, in_status integer) TO docuvault_app;


--
-- Name: FUNCTION compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.compose_tokens(in_text tsvector, in_names tsvector[], in_user uuid, in_era integer) TO docuvault_app;


--
-- Name: FUNCTION documents_guard(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.documents_guard() FROM PUBLIC;


--
-- Name: FUNCTION drop_folders(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.drop_folders() FROM PUBLIC;
GRANT ALL ON FUNCTION public.drop_folders() TO docuvault_app;


--
-- Name: TABLE documents; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.documents TO docuvault_app;


--
-- Name: TABLE erasures; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,DELETE ON TABLE public.erasures TO docuvault_app;


--
-- Name: COLUMN erasures.next_due_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(next_due_at) ON TABLE public.erasures TO docuvault_app;


--
-- Name: FUNCTION due_documents(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.due_documents(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.due_documents(in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION due_erasures(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.due_erasures(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.due_erasures(in_limit integer) TO docuvault_app;


--
-- Name: TABLE mails; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,DELETE ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(id) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.user_id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(user_id) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.kind; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(kind) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.dedupe; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(dedupe) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.next_due_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(next_due_at) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.attempts; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(attempts) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.claimed_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(claimed_at) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.sent_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(sent_at) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.token_hash; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(token_hash) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.expires_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(expires_at) ON TABLE public.mails TO docuvault_app;


--
-- Name: COLUMN mails.phc; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(phc),UPDATE(phc) ON TABLE public.mails TO docuvault_app;


--
-- Name: FUNCTION due_mails(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.due_mails(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.due_mails(in_limit integer) TO docuvault_app;


--
-- Name: TABLE previews; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.previews TO docuvault_app;


--
-- Name: FUNCTION due_previews(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.due_previews(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.due_previews(in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ensure_folder(in_start uuid, in_ids uuid[], in_keys bytea[], in_names bytea[]) TO docuvault_app;


--
-- Name: FUNCTION era_marks(in_user uuid, in_era integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.era_marks(in_user uuid, in_era integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.era_marks(in_user uuid, in_era integer) TO docuvault_app;


--
-- Name: FUNCTION era_token(in_user uuid, in_era integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.era_token(in_user uuid, in_era integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.era_token(in_user uuid, in_era integer) TO docuvault_app;


--
-- Name: FUNCTION era_tokens(in_low integer, in_high integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.era_tokens(in_low integer, in_high integer) FROM PUBLIC;


--
-- Name: FUNCTION erase_rows(in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.erase_rows(in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.erase_rows(in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION feed_epoch(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.feed_epoch() FROM PUBLIC;
GRANT ALL ON FUNCTION public.feed_epoch() TO docuvault_app;


--
-- Name: FUNCTION finish_erasure(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.finish_erasure() FROM PUBLIC;
GRANT ALL ON FUNCTION public.finish_erasure() TO docuvault_app;


--
-- Name: FUNCTION folder_depth(in_folder uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.folder_depth(in_folder uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.folder_depth(in_folder uuid) TO docuvault_app;


--
-- Name: FUNCTION folder_tree(in_folder uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.folder_tree(in_folder uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.folder_tree(in_folder uuid) TO docuvault_app;


--
-- Name: FUNCTION folders_guard(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.folders_guard() FROM PUBLIC;


--
-- Name: FUNCTION limit_rows(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.limit_rows() FROM PUBLIC;


--
-- Name: FUNCTION lock_document(in_document uuid, in_version bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_document(in_document uuid, in_version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_document(in_document uuid, in_version bigint) TO docuvault_app;


--
-- Name: FUNCTION lock_folder(in_folder uuid, in_version bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_folder(in_folder uuid, in_version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_folder(in_folder uuid, in_version bigint) TO docuvault_app;


--
-- Name: FUNCTION lock_folders(in_alone boolean); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_folders(in_alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_folders(in_alone boolean) TO docuvault_app;


--
-- Name: FUNCTION lock_tag(in_tag uuid, in_version bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_tag(in_tag uuid, in_version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_tag(in_tag uuid, in_version bigint) TO docuvault_app;


--
-- Name: FUNCTION lock_tags(in_tag uuid, in_into uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_tags(in_tag uuid, in_into uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_tags(in_tag uuid, in_into uuid) TO docuvault_app;


--
-- Name: FUNCTION lock_topic(in_topic uuid, in_version bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.lock_topic(in_topic uuid, in_version bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_topic(in_topic uuid, in_version bigint) TO docuvault_app;


--
-- Name: TABLE credentials; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.credentials TO docuvault_app;


--
-- Name: COLUMN credentials.phc; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(phc) ON TABLE public.credentials TO docuvault_app;


--
-- Name: COLUMN credentials.sealed; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(sealed) ON TABLE public.credentials TO docuvault_app;


--
-- Name: COLUMN credentials.updated_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(updated_at) ON TABLE public.credentials TO docuvault_app;


--
-- Name: COLUMN credentials.confirmed_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(confirmed_at) ON TABLE public.credentials TO docuvault_app;


--
-- Name: COLUMN credentials.last_step; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(last_step) ON TABLE public.credentials TO docuvault_app;


--
-- Name: TABLE users; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(id) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.email; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(email) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.email_verified_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(email_verified_at) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.display_name; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(display_name),UPDATE(display_name) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.locale; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(locale),UPDATE(locale) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.ai_provider; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(ai_provider) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.ai_model; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(ai_model) ON TABLE public.users TO docuvault_app;


--
-- Name: COLUMN users.password_reset_by_mail; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(password_reset_by_mail) ON TABLE public.users TO docuvault_app;


--
-- Name: FUNCTION login_lookup(in_email text); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.login_lookup(in_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.login_lookup(in_email text) TO docuvault_app;


--
-- Name: FUNCTION make_id(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.make_id() FROM PUBLIC;
GRANT ALL ON FUNCTION public.make_id() TO docuvault_app;


--
-- Name: TABLE user_keys; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.user_keys TO docuvault_app;


--
-- Name: COLUMN user_keys.master_id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(master_id) ON TABLE public.user_keys TO docuvault_app;


--
-- Name: COLUMN user_keys.wrapped; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(wrapped) ON TABLE public.user_keys TO docuvault_app;


--
-- Name: FUNCTION master_keys_in_use(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.master_keys_in_use() FROM PUBLIC;
GRANT ALL ON FUNCTION public.master_keys_in_use() TO docuvault_app;


--
-- Name: FUNCTION missing_previews(in_types text[], in_after uuid, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.missing_previews(in_types text[], in_after uuid, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.missing_previews(in_types text[], in_after uuid, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION newest_era(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.newest_era() FROM PUBLIC;
GRANT ALL ON FUNCTION public.newest_era() TO docuvault_app;


--
-- Name: FUNCTION next_era(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.next_era() FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_era() TO docuvault_app;


--
-- Name: FUNCTION note_change(in_user uuid, in_kind text, in_item uuid, in_op text); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_change(in_user uuid, in_kind text, in_item uuid, in_op text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.note_change(in_user uuid, in_kind text, in_item uuid, in_op text) TO docuvault_app;


--
-- Name: FUNCTION note_gone(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_gone() FROM PUBLIC;


--
-- Name: FUNCTION note_preview(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_preview() FROM PUBLIC;


--
-- Name: FUNCTION note_quota(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_quota() FROM PUBLIC;


--
-- Name: FUNCTION note_row(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_row() FROM PUBLIC;


--
-- Name: FUNCTION note_tagging(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.note_tagging() FROM PUBLIC;


--
-- Name: FUNCTION quota_crossed(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.quota_crossed() FROM PUBLIC;


--
-- Name: FUNCTION redeem_invite(in_hash bytea, in_email text); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.redeem_invite(in_hash bytea, in_email text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.redeem_invite(in_hash bytea, in_email text) TO docuvault_app;


--
-- Name: FUNCTION require_admin(in_session uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.require_admin(in_session uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.require_admin(in_session uuid) TO docuvault_app;


--
-- Name: FUNCTION require_folder(in_folder uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.require_folder(in_folder uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.require_folder(in_folder uuid) TO docuvault_app;


--
-- Name: FUNCTION require_lease(in_document uuid, in_fence bigint); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.require_lease(in_document uuid, in_fence bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.require_lease(in_document uuid, in_fence bigint) TO docuvault_app;


--
-- Name: FUNCTION require_other_admin(in_user uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.require_other_admin(in_user uuid) FROM PUBLIC;


--
-- Name: FUNCTION require_text(in_document uuid, in_stamp bytea); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.require_text(in_document uuid, in_stamp bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.require_text(in_document uuid, in_stamp bytea) TO docuvault_app;


--
-- Name: FUNCTION retry_preview(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.retry_preview() FROM PUBLIC;


--
-- Name: FUNCTION revive_folder(in_folder uuid); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.revive_folder(in_folder uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.revive_folder(in_folder uuid) TO docuvault_app;


--
-- Name: FUNCTION search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_among(in_ids uuid[], in_all tsquery, in_leaves tsquery[], in_shape tsquery) TO docuvault_app;


--
-- Name: FUNCTION search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_few(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_most integer) TO docuvault_app;


--
-- Name: FUNCTION search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[], in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer, in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[], in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer, in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_page(in_loose tsquery, in_loose_leaves tsquery[], in_loose_shape tsquery, in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_near tsquery, in_names tsquery[], in_tier integer, in_top_era integer, in_top uuid, in_floor_era integer, in_floor uuid, in_rank integer, in_id uuid, in_limit integer, in_statuses text[], in_only uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_pass tsquery) TO docuvault_app;


--
-- Name: FUNCTION search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery) FROM PUBLIC;
GRANT ALL ON FUNCTION public.search_passing(in_ids uuid[], in_kinds text[], in_lows bigint[], in_highs bigint[], in_members text[], in_shape tsquery) TO docuvault_app;


--
-- Name: FUNCTION search_rows(in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_also tsquery); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.search_rows(in_all tsquery, in_leaves tsquery[], in_shape tsquery, in_also tsquery) FROM PUBLIC;


--
-- Name: TABLE lagging; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.lagging TO docuvault_app;


--
-- Name: TABLE tokens; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tokens TO docuvault_app;


--
-- Name: FUNCTION stale_tokens(in_version integer, in_after uuid, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.stale_tokens(in_version integer, in_after uuid, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.stale_tokens(in_version integer, in_after uuid, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION take_key(); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.take_key() FROM PUBLIC;


--
-- Name: TABLE api_tokens; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.api_tokens TO docuvault_app;


--
-- Name: COLUMN api_tokens.last_used_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(last_used_at) ON TABLE public.api_tokens TO docuvault_app;


--
-- Name: FUNCTION token_lookup(in_hash bytea); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.token_lookup(in_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.token_lookup(in_hash bytea) TO docuvault_app;


--
-- Name: TABLE objects; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.objects TO docuvault_app;


--
-- Name: FUNCTION unknown_objects(in_keys text[]); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.unknown_objects(in_keys text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.unknown_objects(in_keys text[]) TO docuvault_app;


--
-- Name: FUNCTION user_ids(in_after uuid, in_limit integer); Type: ACL; Schema: public; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION public.user_ids(in_after uuid, in_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.user_ids(in_after uuid, in_limit integer) TO docuvault_app;


--
-- Name: FUNCTION river_job_state_in_bitmask(bitmask bit, state river.river_job_state); Type: ACL; Schema: river; Owner: docuvault_migrate
--

REVOKE ALL ON FUNCTION river.river_job_state_in_bitmask(bitmask bit, state river.river_job_state) FROM PUBLIC;
GRANT ALL ON FUNCTION river.river_job_state_in_bitmask(bitmask bit, state river.river_job_state) TO docuvault_app;


--
-- Name: TABLE alerts; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.alerts TO docuvault_app;


--
-- Name: COLUMN alerts.read_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(read_at) ON TABLE public.alerts TO docuvault_app;


--
-- Name: SEQUENCE audit_log_id_seq; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,USAGE ON SEQUENCE public.audit_log_id_seq TO docuvault_app;


--
-- Name: TABLE audit_personal; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.audit_personal TO docuvault_app;


--
-- Name: TABLE changes; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.changes TO docuvault_app;


--
-- Name: SEQUENCE changes_id_seq; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,USAGE ON SEQUENCE public.changes_id_seq TO docuvault_app;


--
-- Name: TABLE classifier_tokens; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.classifier_tokens TO docuvault_app;


--
-- Name: TABLE classifier_topics; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.classifier_topics TO docuvault_app;


--
-- Name: TABLE cursors; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cursors TO docuvault_app;


--
-- Name: TABLE document_tags; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.document_tags TO docuvault_app;


--
-- Name: TABLE folders; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.folders TO docuvault_app;


--
-- Name: TABLE group_members; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.group_members TO docuvault_app;


--
-- Name: TABLE groups; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.groups TO docuvault_app;


--
-- Name: TABLE idempotency; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO docuvault_app;


--
-- Name: SEQUENCE lagging_stamp_seq; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,USAGE ON SEQUENCE public.lagging_stamp_seq TO docuvault_app;


--
-- Name: TABLE quotas; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.user_id; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(user_id) ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.limit_bytes; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT INSERT(limit_bytes) ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.used_bytes; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(used_bytes) ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.reserved_bytes; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(reserved_bytes) ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.documents; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(documents) ON TABLE public.quotas TO docuvault_app;


--
-- Name: COLUMN quotas.open_uploads; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(open_uploads) ON TABLE public.quotas TO docuvault_app;


--
-- Name: TABLE rate_limits; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rate_limits TO docuvault_app;


--
-- Name: TABLE recovery_codes; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.recovery_codes TO docuvault_app;


--
-- Name: COLUMN recovery_codes.used_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(used_at) ON TABLE public.recovery_codes TO docuvault_app;


--
-- Name: TABLE schema_migrations; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE public.schema_migrations TO docuvault_app;


--
-- Name: TABLE search_eras; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,UPDATE ON TABLE public.search_eras TO docuvault_app;


--
-- Name: TABLE sessions; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.generation; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(generation) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.rotated_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(rotated_at) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.first_used_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(first_used_at) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.reauth_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(reauth_at) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.device; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(device) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.network; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(network) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.last_used_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(last_used_at) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.revoked_at; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(revoked_at) ON TABLE public.sessions TO docuvault_app;


--
-- Name: COLUMN sessions.revoked_reason; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT UPDATE(revoked_reason) ON TABLE public.sessions TO docuvault_app;


--
-- Name: TABLE tags; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tags TO docuvault_app;


--
-- Name: TABLE texts; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.texts TO docuvault_app;


--
-- Name: TABLE topics; Type: ACL; Schema: public; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.topics TO docuvault_app;


--
-- Name: TABLE river_job; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_job TO docuvault_app;


--
-- Name: SEQUENCE river_job_id_seq; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,USAGE ON SEQUENCE river.river_job_id_seq TO docuvault_app;


--
-- Name: TABLE river_leader; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_leader TO docuvault_app;


--
-- Name: TABLE river_migration; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT ON TABLE river.river_migration TO docuvault_app;


--
-- Name: TABLE river_notification; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_notification TO docuvault_app;


--
-- Name: SEQUENCE river_notification_id_seq; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,USAGE ON SEQUENCE river.river_notification_id_seq TO docuvault_app;


--
-- Name: TABLE river_queue; Type: ACL; Schema: river; Owner: docuvault_migrate
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE river.river_queue TO docuvault_app;


--
-- Name: DEFAULT PRIVILEGES FOR FUNCTIONS; Type: DEFAULT ACL; Schema: -; Owner: docuvault_migrate
--

ALTER DEFAULT PRIVILEGES FOR ROLE docuvault_migrate REVOKE ALL ON FUNCTIONS  FROM PUBLIC;


--
-- PostgreSQL database dump complete
--
