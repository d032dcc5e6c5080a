-- River v0.51.1, main line, version 3: the SQL of riverdriver/riverpgxv5's
-- migration, with the schema filled in and the row that River's own migrator
-- writes. A test compares the result with that migrator's, so an upgrade of
-- River that needs another file is noticed.
--
-- This Source Code Form is subject to the terms of the Mozilla Public License,
-- v. 2.0. If a copy of the MPL was not distributed with this file, You can
-- obtain one at https://mozilla.org/MPL/2.0/.

-- migrate:up

ALTER TABLE river.river_job ALTER COLUMN tags SET DEFAULT '{}';
UPDATE river.river_job SET tags = '{}' WHERE tags IS NULL;
ALTER TABLE river.river_job ALTER COLUMN tags SET NOT NULL;

INSERT INTO river.river_migration (version) VALUES (3);

-- migrate:down

ALTER TABLE river.river_job
    ALTER COLUMN tags DROP NOT NULL,
    ALTER COLUMN tags DROP DEFAULT;

DELETE FROM river.river_migration WHERE version = 3;
