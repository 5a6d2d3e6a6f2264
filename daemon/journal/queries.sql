-- Every statement the journal runs, by name. `-- name` begins one; Python knows only the names.

-- insert_session
INSERT INTO sessions (session_id, name, token, guest, opened_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?);

-- session_number
SELECT id FROM sessions WHERE session_id = ?;

-- insert_event
INSERT INTO events (session, seq, kind, key, payload, intent) VALUES (?, ?, ?, ?, ?, ?);

-- end_session
UPDATE sessions SET over_ms = ? WHERE session_id = ? AND over_ms IS NULL;

-- last_offset
SELECT coalesce(max(id), 0) FROM events;

-- read
SELECT s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.session_id = ? AND e.seq > ? AND e.id <= ? ORDER BY e.seq LIMIT ?;

-- first_kept
SELECT coalesce(min(e.seq), 1) FROM events e JOIN sessions s ON s.id = e.session WHERE s.session_id = ?;

-- living
SELECT id, session_id, name, token, guest, opened_ms, ends_ms FROM sessions WHERE over_ms IS NULL ORDER BY id;

-- last_seqs
SELECT session, max(seq) FROM events WHERE session IN (SELECT id FROM sessions WHERE over_ms IS NULL) GROUP BY session;

-- commands
SELECT e.session, e.seq, e.key, e.intent,
       EXISTS (SELECT 1 FROM events d WHERE d.session = e.session AND d.kind = 'delivery' AND d.key = e.key)
  FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.over_ms IS NULL AND e.kind = 'accepted' ORDER BY e.session, e.seq;

-- latest_state
SELECT json_extract(payload, '$.state'), json_extract(payload, '$.read_only') FROM events
 WHERE session = ? AND kind = 'session' ORDER BY seq DESC LIMIT 1;

-- identities
SELECT e.key, json_extract(e.payload, '$.time') FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.session_id = ? AND e.kind IN ('message', 'presence') AND e.key IS NOT NULL ORDER BY e.seq DESC LIMIT ?;

-- over_before
SELECT id FROM sessions WHERE over_ms < ? ORDER BY over_ms LIMIT ?;

-- delete_events
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE session = ? LIMIT ?);

-- delete_session
DELETE FROM sessions WHERE id = ? AND NOT EXISTS (SELECT 1 FROM events WHERE session = sessions.id);

-- count_sessions
SELECT count(*) FILTER (WHERE over_ms IS NULL), count(*) FROM sessions;

-- count_events
SELECT count(*) FROM events;

-- unsettled
SELECT count(*) FROM events a JOIN sessions s ON s.id = a.session WHERE a.kind = 'accepted' AND s.over_ms IS NULL
   AND json_extract(a.payload, '$.action') IN ('send', 'reply')
   AND NOT EXISTS (SELECT 1 FROM events d WHERE d.session = a.session AND d.kind = 'delivery' AND d.key = a.key);

-- export
SELECT e.id, s.session_id, s.name, e.payload FROM events e JOIN sessions s ON s.id = e.session ORDER BY e.id;
