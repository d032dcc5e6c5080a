-- migrate:up

-- How many rows a user has is nothing that a plan may know. A connection keeps
-- its plans and serves everybody; made while somebody with an empty vault
-- asked, a plan would read all that a user has and look for an id in that.
-- Without statistics of the column, PostgreSQL takes any user to have a
-- two-hundredth of a table, and an id, a word or an order is always the better
-- way in.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'user_id' AND NOT a.attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN user_id SET STATISTICS 0', t.relname);
  END LOOP;
END $$;

-- migrate:down
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'user_id' AND NOT a.attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN user_id SET STATISTICS -1', t.relname);
  END LOOP;
END $$;
