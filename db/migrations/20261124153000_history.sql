-- migrate:up

-- The history of one document, newest first.
CREATE INDEX audit_log_target ON audit_log (user_id, target, id DESC) WHERE target IS NOT NULL;

-- migrate:down

DROP INDEX audit_log_target;
