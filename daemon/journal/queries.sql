-- Every statement the journal runs, by name. `-- name` begins one; Python knows only the names.
-- Placeholders are `?` or `:name`; never `?1`: CPython 3.12.0 to 3.12.3 warns of a numbered one that is given by position.

-- insert_session
INSERT INTO sessions (session_id, name, token, guest, opened_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?);

-- session_number
SELECT id FROM sessions WHERE session_id = ?;

-- insert_event
INSERT INTO events (id, session, seq, prev, jump, at_ms, time, kind, key, payload, intent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- put_head
INSERT OR REPLACE INTO heads (session, id, seq) VALUES (?, ?, ?);

-- head
SELECT id, seq FROM heads WHERE session = ?;

-- path
WITH RECURSIVE path (id, jump) AS (
    SELECT id, jump FROM events WHERE id = ?
    UNION ALL SELECT e.id, e.jump FROM path p JOIN events e ON e.id = p.jump)
SELECT id FROM path ORDER BY id;

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
WITH RECURSIVE stream (session, name, after) AS (
    SELECT id, session_id, max(:after_seq, first_seq - 1) FROM sessions WHERE session_id = :session_id
), walk (id, seq, next, after) AS (
    SELECT e.id, e.seq, iif(e.seq & (e.seq - 1) >= s.after + :limit, e.jump, e.prev), s.after
      FROM stream s JOIN heads h ON h.session = s.session JOIN events e ON e.id = h.id
    UNION ALL
    SELECT e.id, e.seq, iif(e.seq & (e.seq - 1) >= w.after + :limit, e.jump, e.prev), w.after
      FROM walk w JOIN events e ON e.id = w.next WHERE w.seq > w.after + 1
)
SELECT :session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM walk w JOIN events e ON e.id = w.id
 WHERE w.seq > w.after AND w.seq <= w.after + :limit AND w.id <= :acknowledged ORDER BY w.seq;

-- first_kept
SELECT first_seq FROM sessions WHERE session_id = ?;

-- last_seq
SELECT h.seq FROM sessions s JOIN heads h ON h.session = s.id WHERE s.session_id = ?;

-- read_on
SELECT e.id, e.at_ms, s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e
  JOIN sessions s ON s.id = e.session WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?;

-- read_on_kinds
SELECT e.id, e.at_ms, s.session_id, e.seq, e.kind, e.payload, coalesce(e.key, '') FROM events e
  JOIN sessions s ON s.id = e.session
 WHERE e.id > :after AND e.id <= :end AND (e.id = :end OR e.kind IN (SELECT value FROM json_each(:kinds)))
 ORDER BY e.id LIMIT :limit;

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
SELECT s.id, h.seq FROM sessions s JOIN heads h ON h.session = s.id WHERE s.over_ms IS NULL AND s.id > 0;

-- commands
SELECT e.session, e.seq, e.key, e.intent,
       EXISTS (SELECT 1 FROM events d WHERE d.session = e.session AND d.kind = 'delivery' AND d.key = e.key)
  FROM sessions s JOIN events e ON e.session = s.id
 WHERE s.over_ms IS NULL AND s.id > 0 AND e.kind = 'accepted' ORDER BY e.session, e.seq;

-- latest_state
SELECT json_extract(payload, '$.state'), json_extract(payload, '$.read_only') FROM events
 WHERE session = ? AND kind = 'session' ORDER BY seq DESC LIMIT 1;

-- identities
WITH RECURSIVE walk (id, prev) AS (
    SELECT e.id, e.prev FROM sessions s JOIN heads h ON h.session = s.id JOIN events e ON e.id = h.id WHERE s.session_id = ?
    UNION ALL SELECT e.id, e.prev FROM walk w JOIN events e ON e.id = w.prev
)
SELECT e.seq, e.key, json_extract(e.payload, '$.time') FROM walk w CROSS JOIN events e ON e.id = w.id
 WHERE e.kind IN ('message', 'presence') AND e.key IS NOT NULL LIMIT ?;

-- first_over
SELECT s.id, h.id FROM sessions s LEFT JOIN heads h ON h.session = s.id WHERE s.over_ms < ? ORDER BY s.over_ms LIMIT 1;

-- slowest_reader
SELECT min(offset) FROM cursors WHERE at_ms >= ?;

-- mark_retired
UPDATE retired SET up_to = max(up_to, (SELECT coalesce(max(id), 0) FROM events));

-- delete_events
WITH RECURSIVE walk (id, seq, next, after) AS (
    SELECT e.id, e.seq, iif(e.seq & (e.seq - 1) >= s.first_seq - 1 + :limit, e.jump, e.prev), s.first_seq - 1
      FROM sessions s JOIN heads h ON h.session = s.id JOIN events e ON e.id = h.id WHERE s.id = :number
    UNION ALL
    SELECT e.id, e.seq, iif(e.seq & (e.seq - 1) >= w.after + :limit, e.jump, e.prev), w.after
      FROM walk w JOIN events e ON e.id = w.next WHERE w.seq > w.after + 1
)
DELETE FROM events WHERE id IN (SELECT id FROM walk WHERE seq > after AND seq <= after + :limit);

-- move_first
UPDATE sessions SET first_seq = first_seq + ? WHERE id = ?;

-- delete_head
DELETE FROM heads WHERE session = ? AND NOT EXISTS (SELECT 1 FROM events WHERE id = heads.id);

-- delete_session
DELETE FROM sessions WHERE id = ? AND NOT EXISTS (SELECT 1 FROM heads WHERE session = sessions.id);

-- delete_facts
DELETE FROM events WHERE session = 0 AND seq < coalesce(
    (SELECT min(seq) FROM (SELECT id, seq, at_ms FROM events WHERE session = 0 ORDER BY seq LIMIT :limit)
      WHERE at_ms >= :before_ms OR id > :passed),
    (SELECT seq FROM events WHERE session = 0 ORDER BY seq LIMIT 1 OFFSET :limit),
    (SELECT max(seq) FROM events WHERE session = 0));

-- move_first_fact
UPDATE sessions SET first_seq = coalesce((SELECT min(seq) FROM events WHERE session = 0), 1) WHERE id = 0;

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

-- broken_chains
SELECT e.session, e.seq FROM events e JOIN sessions s ON s.id = e.session
  LEFT JOIN events p ON p.id = e.prev LEFT JOIN events j ON j.id = e.jump
 WHERE e.seq > s.first_seq AND (p.session IS NOT e.session OR p.seq IS NOT e.seq - 1)
    OR e.seq & (e.seq - 1) >= s.first_seq AND (j.session IS NOT e.session OR j.seq IS NOT e.seq & (e.seq - 1)) LIMIT 20;

-- broken_heads
SELECT session FROM (
    SELECT h.session, h.id, h.seq, h.seq - s.first_seq + 1 AS kept FROM heads h LEFT JOIN sessions s ON s.id = h.session
    UNION ALL SELECT session, max(id), max(seq), count(*) FROM events GROUP BY session)
 GROUP BY session, id, seq, kept HAVING count(*) <> 2 LIMIT 20;
