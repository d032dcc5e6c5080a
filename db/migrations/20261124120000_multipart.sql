-- migrate:up

-- An upload in parts has a part_size. upload_id is the storage's own name for
-- it, made with the first part; no secret, but known to storage alone
-- otherwise, and some servers list none. verify_until is the lease of the
-- worker that reads the assembled object.
ALTER TABLE documents
  ADD COLUMN part_size    bigint CHECK (part_size > 0),
  ADD COLUMN upload_id    text CHECK (upload_id IS NULL OR part_size IS NOT NULL),
  ADD COLUMN verify_until timestamptz;

-- migrate:down
ALTER TABLE documents DROP COLUMN verify_until, DROP COLUMN upload_id, DROP COLUMN part_size;
