-- migrate:up

-- The trace in which an upload began (W3C Trace Context, version 00), where
-- traces are recorded: what settles and analyzes it later, started by an event
-- that knows of no trace, goes on in it. Random, and nothing of the user.
ALTER TABLE documents
  ADD COLUMN traceparent text CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');

-- migrate:down
ALTER TABLE documents DROP COLUMN traceparent;
