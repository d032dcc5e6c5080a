-- migrate:up

-- Row-level security, forced, for every table that has a user_id, and for every
-- role. The owner may besides read across users, which its SECURITY DEFINER
-- functions and docuvault verify need; to write, it has to name the user too.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.relname, a.attname FROM pg_class c
             JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
              AND (a.attname = 'user_id' OR (c.relname = 'users' AND a.attname = 'id'))
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t.relname);
    EXECUTE format('CREATE POLICY tenant ON %I
                      USING (%I = NULLIF(current_setting(''app.user_id'', true), '''')::uuid)', t.relname, t.attname);
    EXECUTE format('CREATE POLICY owner_reads ON %I FOR SELECT TO docuvault_migrate USING (true)', t.relname);
  END LOOP;
END $$;
-- The system's own entries have no user.
CREATE POLICY system_writes ON audit_log FOR INSERT TO docuvault_app
  WITH CHECK (user_id IS NULL AND NULLIF(current_setting('app.user_id', true), '') IS NULL);

GRANT EXECUTE ON FUNCTION app_user(), check_session(uuid, bigint), check_reauth(uuid), login_lookup(text),
  lock_document(uuid, bigint), ensure_folder(uuid, uuid[], bytea[], bytea[]), require_folder(uuid), require_lease(uuid, bigint), require_text(uuid, bytea),
  audit_write(text, text, uuid, jsonb, bytea, bytea, text),
  due_documents(integer), unknown_objects(text[]), user_ids(uuid, integer) TO docuvault_app;

-- /readyz refuses a schema that is older than the code.
GRANT SELECT ON schema_migrations TO docuvault_app;

-- Exactly what the functions do, by column where that is tighter: nobody but
-- the owner writes users.role, users.disabled_at or quotas.limit_bytes.
GRANT SELECT, DELETE ON users TO docuvault_app;
GRANT INSERT (id, email, display_name, locale) ON users TO docuvault_app;
GRANT UPDATE (display_name, locale, ai_provider, ai_model) ON users TO docuvault_app;
GRANT SELECT ON quotas TO docuvault_app;
GRANT INSERT (user_id, limit_bytes) ON quotas TO docuvault_app;
GRANT UPDATE (used_bytes, reserved_bytes, documents, open_uploads) ON quotas TO docuvault_app;
GRANT SELECT, INSERT, DELETE ON credentials TO docuvault_app;
GRANT UPDATE (phc, sealed, updated_at) ON credentials TO docuvault_app;
GRANT SELECT, INSERT, DELETE ON user_keys TO docuvault_app;
GRANT UPDATE (master_id, wrapped) ON user_keys TO docuvault_app;
GRANT SELECT, INSERT, DELETE ON sessions TO docuvault_app;
GRANT UPDATE (generation, rotated_at, first_used_at, reauth_at, device, network, last_used_at, revoked_at, revoked_reason) ON sessions TO docuvault_app;
GRANT SELECT, INSERT, DELETE ON alerts TO docuvault_app;
GRANT UPDATE (read_at) ON alerts TO docuvault_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limits TO docuvault_app;
GRANT SELECT ON groups, group_members TO docuvault_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON folders, topics, tags, documents, document_tags, texts, tokens, objects,
  classifier_topics, classifier_tokens, idempotency, changes, cursors TO docuvault_app;

-- The audit log is written once, with a time and a transaction that are the
-- server's. Its personal part can be deleted, not changed.
GRANT SELECT ON audit_log TO docuvault_app;
GRANT INSERT (id, user_id, actor, action, target, personal_mac, metadata) ON audit_log TO docuvault_app;
GRANT SELECT, INSERT, DELETE ON audit_personal TO docuvault_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO docuvault_app;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM docuvault_app;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM docuvault_app;
DROP POLICY system_writes ON audit_log;
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND policyname = 'tenant' LOOP
    EXECUTE format('DROP POLICY tenant ON %I; DROP POLICY owner_reads ON %I', t.tablename, t.tablename);
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', t.tablename, t.tablename);
  END LOOP;
END $$;
