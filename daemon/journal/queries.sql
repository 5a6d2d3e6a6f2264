-- Every statement the journal runs, by name. `-- name` begins one; Python knows only the names.

-- insert_session
INSERT INTO sessions (session_id, name, token, guest, opened_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?);

-- session_number
SELECT id FROM sessions WHERE session_id = ?;

-- insert_event
INSERT INTO events (id, session, seq, kind, key, payload, intent, at_ms, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- end_session
UPDATE sessions SET over_ms = ? WHERE session_id = ? AND over_ms IS NULL;

-- put_operation
INSERT INTO operations (operation_id, kind, state, over, at_ms) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (operation_id) DO UPDATE SET
       kind = excluded.kind, state = excluded.state, over = excluded.over, at_ms = excluded.at_ms;

-- put_delivery
INSERT INTO deliveries (delivery_id, target, lane, event, body, status, attempts, created_ms, due_ms, reason, at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (delivery_id) DO UPDATE SET
       target = excluded.target, lane = excluded.lane, event = excluded.event, body = excluded.body, status = excluded.status,
       attempts = excluded.attempts, created_ms = excluded.created_ms, due_ms = excluded.due_ms, reason = excluded.reason,
       at_ms = excluded.at_ms;

-- put_cursor
INSERT INTO cursors (name, offset, at_ms) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET offset = max(offset, excluded.offset), at_ms = excluded.at_ms;

-- last_offset
SELECT max((SELECT coalesce(max(id), 0) FROM events), (SELECT up_to FROM retired),
           (SELECT coalesce(max(offset), 0) FROM cursors));

-- read
SELECT s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.session_id = ? AND e.seq > ? AND e.id <= ? ORDER BY e.seq LIMIT ?;

-- first_kept
SELECT coalesce(min(seq), 1) FROM events WHERE session = (SELECT id FROM sessions WHERE session_id = ?);

-- last_seq
SELECT coalesce(max(seq), 0) FROM events WHERE session = (SELECT id FROM sessions WHERE session_id = ?);

-- read_on
SELECT e.id, e.at_ms, s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e
  JOIN sessions s ON s.id = e.session WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?;

-- read_on_kinds
SELECT e.id, e.at_ms, s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e
  JOIN sessions s ON s.id = e.session
 WHERE e.id > ?1 AND e.id <= ?2 AND (e.id = ?2 OR e.kind IN (SELECT value FROM json_each(?3))) ORDER BY e.id LIMIT ?4;

-- cursors
SELECT name, offset FROM cursors;

-- operation
SELECT operation_id, kind, state, over FROM operations WHERE operation_id = ?;

-- operations
SELECT operation_id, kind, state, over FROM operations WHERE over = 0 ORDER BY id;

-- deliveries
SELECT delivery_id, target, lane, event, body, status, attempts, created_ms, due_ms, reason FROM deliveries
 WHERE status = ? AND id > coalesce((SELECT id FROM deliveries WHERE delivery_id = ?), 0) ORDER BY id LIMIT ?;

-- living
SELECT id, session_id, name, token, guest, opened_ms, ends_ms FROM sessions WHERE over_ms IS NULL AND id > 0 ORDER BY id;

-- accepted_seq
SELECT e.seq FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.session_id = ? AND e.kind = 'accepted' AND e.key = ?;

-- last_seqs
SELECT id, (SELECT coalesce(max(seq), 0) FROM events WHERE session = sessions.id) FROM sessions WHERE over_ms IS NULL AND id > 0;

-- commands
SELECT e.session, e.seq, e.key, e.intent,
       EXISTS (SELECT 1 FROM events d WHERE d.session = e.session AND d.kind = 'delivery' AND d.key = e.key)
  FROM sessions s JOIN events e ON e.session = s.id
 WHERE s.over_ms IS NULL AND s.id > 0 AND e.kind = 'accepted' ORDER BY e.session, e.seq;

-- latest_state
SELECT json_extract(payload, '$.state'), json_extract(payload, '$.read_only') FROM events
 WHERE session = ? AND kind = 'session' ORDER BY seq DESC LIMIT 1;

-- identities
SELECT e.key, json_extract(e.payload, '$.time') FROM events e JOIN sessions s ON s.id = e.session
 WHERE s.session_id = ? AND e.kind IN ('message', 'presence') AND e.key IS NOT NULL ORDER BY e.seq DESC LIMIT ?;

-- first_over
SELECT id, (SELECT id FROM events WHERE session = sessions.id ORDER BY seq DESC LIMIT 1) FROM sessions
 WHERE over_ms < ? ORDER BY over_ms LIMIT 1;

-- slowest_reader
SELECT min(offset) FROM cursors WHERE at_ms >= ?;

-- mark_retired
UPDATE retired SET up_to = max(up_to, (SELECT coalesce(max(id), 0) FROM events));

-- delete_events
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE session = ? LIMIT ?);

-- delete_session
DELETE FROM sessions WHERE id = ? AND NOT EXISTS (SELECT 1 FROM events WHERE session = sessions.id);

-- delete_facts
DELETE FROM events WHERE id IN (
    SELECT id FROM (SELECT id, seq, at_ms FROM events WHERE session = 0 ORDER BY seq LIMIT ?)
     WHERE at_ms < ? AND id <= ? AND seq < (SELECT max(seq) FROM events WHERE session = 0));

-- delete_operations
DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE over = 1 AND at_ms < ? LIMIT ?);

-- delete_deliveries
DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE status = ? AND status <> 'waiting' AND at_ms < ? LIMIT ?);

-- count_sessions
SELECT count(*) FILTER (WHERE over_ms IS NULL), count(*) FROM sessions WHERE id > 0;

-- count_events
SELECT count(*) FROM events;

-- count_facts
SELECT count(*) FROM events WHERE session = 0;

-- count_operations
SELECT count(*) FILTER (WHERE over = 0), count(*) FROM operations;

-- count_deliveries
SELECT count(*) FILTER (WHERE status = 'waiting'), count(*) FILTER (WHERE status = 'delivered'),
       count(*) FILTER (WHERE status = 'dead') FROM deliveries;

-- unread
SELECT name, (SELECT count(*) FROM events WHERE id > offset) FROM cursors ORDER BY name;

-- unsettled
SELECT count(*) FROM events a JOIN sessions s ON s.id = a.session WHERE a.kind = 'accepted' AND s.over_ms IS NULL
   AND json_extract(a.payload, '$.action') IN ('send', 'reply')
   AND NOT EXISTS (SELECT 1 FROM events d WHERE d.session = a.session AND d.kind = 'delivery' AND d.key = a.key);

-- export
SELECT e.id, s.session_id, s.name, e.payload FROM events e JOIN sessions s ON s.id = e.session ORDER BY e.id;
