-- The third form: every row carries a checksum of all its columns (see checksum.py), so that a damaged one is found
-- when it is read. The rows that are there are given theirs right after this script, in the same transaction.

ALTER TABLE sessions ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE events ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE heads ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE operations ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE deliveries ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE cursors ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;
ALTER TABLE retired ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;

-- The rows of an empty journal: the stream of what belongs to no guest session, and the newest offset retired.
UPDATE sessions SET checksum = 717086182 WHERE id = 0 AND first_seq = 1;
UPDATE retired SET checksum = 1429472249 WHERE up_to = 0;

-- Guest sessions that were set aside because a row of theirs is damaged: they are not brought back, and their stream is
-- not served. `session` is the number in `sessions`, `offset` the damaged event's (0: another row), `found_ms` when it was
-- found: retention counts from then.
CREATE TABLE damaged (
    session   INTEGER PRIMARY KEY,
    offset    INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    found_ms  INTEGER NOT NULL,
    checksum  INTEGER NOT NULL
) STRICT;
