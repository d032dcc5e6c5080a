-- River v0.51.1, main line, version 1: the SQL of riverdriver/riverpgxv5's
-- migration, with the schema filled in and the row that River's own migrator
-- writes. A test compares the result with that migrator's, so an upgrade of
-- River that needs another file is noticed.
--
-- This Source Code Form is subject to the terms of the Mozilla Public License,
-- v. 2.0. If a copy of the MPL was not distributed with this file, You can
-- obtain one at https://mozilla.org/MPL/2.0/.

-- migrate:up

-- The schema may exist already: bootstrap.sql or an operator may have made it.
CREATE SCHEMA IF NOT EXISTS river;

CREATE TABLE river.river_migration(
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT NOW(),
  version bigint NOT NULL,
  CONSTRAINT version CHECK (version >= 1)
);

CREATE UNIQUE INDEX ON river.river_migration USING btree(version);

INSERT INTO river.river_migration (version) VALUES (1);

-- migrate:down

DROP TABLE river.river_migration;

DROP SCHEMA IF EXISTS river;
