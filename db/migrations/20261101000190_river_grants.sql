-- What the app role needs to send and to work messages, and no more: River's
-- migrations and the reindexer belong to docuvault_migrate.

-- migrate:up

GRANT USAGE ON SCHEMA river TO docuvault_app;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON river.river_job, river.river_leader, river.river_queue, river.river_notification
    TO docuvault_app;
GRANT SELECT ON river.river_migration TO docuvault_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA river TO docuvault_app;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA river FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA river TO docuvault_app;

-- migrate:down

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA river FROM docuvault_app;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA river FROM docuvault_app;
REVOKE ALL ON ALL TABLES IN SCHEMA river FROM docuvault_app;
REVOKE USAGE ON SCHEMA river FROM docuvault_app;
