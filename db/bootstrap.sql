-- Run once per database by a superuser, or by a role that owns the database and
-- may make roles (RDS has no superuser), before the first migration. Running it
-- again changes nothing. It makes the two roles and the extensions, and nothing
-- that a migration could make. Passwords are set apart, so that this file can
-- be read by anyone.

DO $$
BEGIN
  -- Owns the schema; used by migrations and operator commands alone.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'docuvault_migrate') THEN
    CREATE ROLE docuvault_migrate LOGIN NOINHERIT NOBYPASSRLS;
  END IF;
  -- What every function and worker is: DML only, under row-level security.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'docuvault_app') THEN
    CREATE ROLE docuvault_app LOGIN NOINHERIT NOBYPASSRLS;
  END IF;
  -- Who is no superuser gives things only to a role that it is a member of.
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT docuvault_migrate TO %I', current_user);
  END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO docuvault_app', current_database());
  EXECUTE format('GRANT CONNECT, CREATE ON DATABASE %I TO docuvault_migrate', current_database());
END $$;

-- A function gives up before its platform does.
ALTER ROLE docuvault_app SET statement_timeout = '15s';
ALTER ROLE docuvault_app SET lock_timeout = '5s';
ALTER ROLE docuvault_app SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE docuvault_migrate SET lock_timeout = '10s';

REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER SCHEMA public OWNER TO docuvault_migrate;
GRANT USAGE ON SCHEMA public TO docuvault_app;

-- No function of ours is open to PUBLIC; each is granted by the migration that
-- makes it.
ALTER DEFAULT PRIVILEGES FOR ROLE docuvault_migrate REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- GIN over (user_id, tsvector): search stays inside one user's rows.
CREATE SCHEMA IF NOT EXISTS extensions;
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA extensions;
