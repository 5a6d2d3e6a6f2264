-- The second form: work that outlives the process beside the guest sessions, readers of the one order of all streams, and
-- indexes whose cost does not grow with the file.

-- Events anew, with `at_ms`, when it was given, epoch milliseconds (0: before this form); and `time`, the platform's own time of a
-- message, as the number YYYYMMDDHHMMSSmmm (NULL where there is none).
--
-- An index over (session, seq) has thousands of places where the next entry belongs, as many as there are guest sessions that
-- speak: a commit dirties about one page of it for each of its rows, the more so the larger the file. So there is none. Each event
-- names the one before it in its stream, `prev`, and a farther one, `jump`: that whose seq is its own without its lowest bit
-- (0: there is no such event). `heads` has each stream's newest. Nothing is ever written but at the right edge of the file, and
-- any seq is found from the newest in a few steps (see chain.py). That a seq is there once, and none is missing, the writer
-- sees to.
ALTER TABLE events RENAME TO events_of_form_1;

CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    session  INTEGER NOT NULL,              -- no foreign key: to hold it, an index would be needed
    seq      INTEGER NOT NULL,
    prev     INTEGER NOT NULL,
    jump     INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    time     INTEGER,
    kind     TEXT NOT NULL,
    key      TEXT,
    payload  BLOB NOT NULL,
    intent   BLOB
) STRICT;

INSERT INTO events
SELECT id, session, seq,
       coalesce((SELECT id FROM events_of_form_1 p WHERE p.session = e.session AND p.seq = e.seq - 1), 0),
       coalesce((SELECT id FROM events_of_form_1 p WHERE p.session = e.session AND p.seq = e.seq & (e.seq - 1)), 0),
       0, NULL, kind, key, payload, intent
  FROM events_of_form_1 e ORDER BY id;

CREATE TABLE heads (
    session  INTEGER PRIMARY KEY,
    id       INTEGER NOT NULL,
    seq      INTEGER NOT NULL
) STRICT;

INSERT INTO heads SELECT session, max(id), max(seq) FROM events_of_form_1 GROUP BY session;

-- The oldest seq that is still kept.
ALTER TABLE sessions ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1;
UPDATE sessions SET first_seq = coalesce((SELECT min(seq) FROM events_of_form_1 WHERE session = sessions.id), 1);

DROP TABLE events_of_form_1;

-- Identities are random, so one index over all of them makes a commit dirty as many pages as it has rows, the more so the larger
-- it is. What a command's fate hangs on keeps its exact index, which is small. A message is known by its identity *and* its
-- time, for a repetition carries both again; ordered by time, such an index grows at its right edge, whatever its size.
-- (Written with OR: SQLite sees that `kind = 'accepted'` is covered by it, and does not see that of IN.)
CREATE UNIQUE INDEX events_command ON events (session, kind, key) WHERE kind = 'accepted' OR kind = 'delivery';
CREATE UNIQUE INDEX events_message ON events (time, session, key) WHERE time IS NOT NULL;
CREATE INDEX events_state ON events (session, seq) WHERE kind = 'session';
CREATE INDEX events_own ON events (seq) WHERE session = 0;

-- The stream of what belongs to no guest session: number 0, so that `id > 0` leaves it out.
INSERT INTO sessions (id, session_id, name, token, guest, opened_ms, ends_ms) VALUES (0, '', '', '', '{}', 0, 0);

-- REST operations as they stand. `id` is the order of their making, `at_ms` when the latest state was written.
CREATE TABLE operations (
    id            INTEGER PRIMARY KEY,
    operation_id  TEXT NOT NULL UNIQUE,
    kind          TEXT NOT NULL,
    state         BLOB NOT NULL,            -- JSON: all it takes to go on
    over          INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL
) STRICT;

CREATE INDEX operations_over ON operations (over, at_ms);

-- Webhooks: waiting, delivered or dead.
CREATE TABLE deliveries (
    id           INTEGER PRIMARY KEY,
    delivery_id  TEXT NOT NULL UNIQUE,
    target       TEXT NOT NULL,
    lane         TEXT NOT NULL,
    event        TEXT NOT NULL,
    body         BLOB NOT NULL,
    status       TEXT NOT NULL,
    attempts     INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    due_ms       INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    at_ms        INTEGER NOT NULL
) STRICT;

CREATE INDEX deliveries_status ON deliveries (status, id);
CREATE INDEX deliveries_done ON deliveries (status, at_ms) WHERE status <> 'waiting';

-- How far each reader of all streams has come; `at_ms` is when it last moved or was asked for.
CREATE TABLE cursors (
    name    TEXT PRIMARY KEY,
    offset  INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;

-- The newest offset when retention last took something: an offset is never given twice, even if the newest event is gone.
CREATE TABLE retired (up_to INTEGER NOT NULL) STRICT;
INSERT INTO retired VALUES (0);
