-- migrate:up

-- Which master keys are in use, from the index alone: one step for each key,
-- however many users there are. Functions ask it once, when they start.
CREATE INDEX user_keys_master ON user_keys (master_id);

CREATE FUNCTION master_keys_in_use() RETURNS TABLE (master_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    WITH RECURSIVE k(key) AS (
      SELECT min(u.master_id) FROM user_keys u
      UNION ALL
      SELECT (SELECT min(u.master_id) FROM user_keys u WHERE u.master_id > k.key) FROM k WHERE k.key IS NOT NULL)
    SELECT k.key FROM k WHERE k.key IS NOT NULL;
  END;
GRANT EXECUTE ON FUNCTION master_keys_in_use() TO docuvault_app;

-- migrate:down
DROP FUNCTION master_keys_in_use();
DROP INDEX user_keys_master;
