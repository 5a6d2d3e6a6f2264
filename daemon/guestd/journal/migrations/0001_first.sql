-- The journal's first form. Migrations only go forward: one file each, in one transaction, counted by user_version.

CREATE TABLE sessions (
    id          INTEGER PRIMARY KEY,
    session_id  TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    token       TEXT NOT NULL,              -- the platform's secret handle: a restart comes back with the same one
    guest       TEXT NOT NULL,              -- JSON: email, attributes, metadata
    opened_ms   INTEGER NOT NULL,
    ends_ms     INTEGER NOT NULL,
    over_ms     INTEGER                     -- NULL while it should live
) STRICT;

CREATE INDEX sessions_over ON sessions (over_ms);

-- An event once, as it is kept and shown. `id` is the journal's offset; `key` is what makes it unique within its session: a
-- message's platform identity, a command's id; NULL where nothing does. `intent` is what it takes to carry a command out.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    session  INTEGER NOT NULL REFERENCES sessions (id),
    seq      INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    key      TEXT,
    payload  BLOB NOT NULL,
    intent   BLOB
) STRICT;

CREATE UNIQUE INDEX events_seq ON events (session, seq);
CREATE UNIQUE INDEX events_key ON events (session, kind, key) WHERE key IS NOT NULL;
