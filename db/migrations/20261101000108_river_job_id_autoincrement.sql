-- River v0.51.1, main line, version 8: the SQL of riverdriver/riverpgxv5's
-- migration, with the schema filled in and the row that River's own migrator
-- writes. A test compares the result with that migrator's, so an upgrade of
-- River that needs another file is noticed.
--
-- This Source Code Form is subject to the terms of the Mozilla Public License,
-- v. 2.0. If a copy of the MPL was not distributed with this file, You can
-- obtain one at https://mozilla.org/MPL/2.0/.

-- migrate:up

-- No-op. Postgres sequences already prevent automatically generated job IDs
-- from being reused.
SELECT 1;

INSERT INTO river.river_migration (line, version) VALUES ('main', 8);

-- migrate:down

-- No-op. Postgres sequences already prevent automatically generated job IDs
-- from being reused.
SELECT 1;

DELETE FROM river.river_migration WHERE line = 'main' AND version = 8;
