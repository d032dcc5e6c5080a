-- migrate:up

-- Why a paper has no text, or not all of it: a code of package extract (its
-- notes).
ALTER TABLE texts ADD COLUMN note text;

-- migrate:down

ALTER TABLE texts DROP COLUMN note;
