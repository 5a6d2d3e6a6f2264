-- Every statement the journal runs, by name. `-- name` begins one; Python knows only the names.
-- Placeholders are `?` or `:name`; never `?1`: CPython 3.12.0 to 3.12.3 warns of a numbered one that is given by position.

-- insert_session
INSERT INTO sessions (id, session_id, name, token, guest, opened_ms, ends_ms, over_ms, first_seq, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- next_session
SELECT coalesce(max(id), 0) + 1 FROM sessions;

-- session_row
SELECT id, session_id, name, token, guest, opened_ms, ends_ms, over_ms, first_seq, checksum FROM sessions
 WHERE session_id = ?;

-- session_row_of
SELECT id, session_id, name, token, guest, opened_ms, ends_ms, over_ms, first_seq, checksum FROM sessions WHERE id = ?;

-- insert_event
INSERT INTO events
       (id, session, seq, prev, jump, at_ms, time, kind, key, payload, intent, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- put_head
INSERT OR REPLACE INTO heads (session, id, seq, checksum) VALUES (?, ?, ?, ?);

-- head
SELECT session, id, seq, checksum FROM heads WHERE session = ?;

-- path
WITH RECURSIVE path (id, jump) AS (
    SELECT id, jump FROM events WHERE id = ?
    UNION ALL SELECT e.id, e.jump FROM path p JOIN events e ON e.id = p.jump WHERE e.id < p.id)
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM path p JOIN events e ON e.id = p.id ORDER BY e.id DESC;

-- end_session
UPDATE sessions SET over_ms = ?, checksum = ? WHERE id = ?;

-- put_operation
INSERT INTO operations (operation_id, kind, state, over, at_ms, checksum) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (operation_id) DO UPDATE SET
       kind = excluded.kind, state = excluded.state, over = excluded.over, at_ms = excluded.at_ms,
       checksum = excluded.checksum;

-- put_delivery
INSERT INTO deliveries (delivery_id, target, lane, event, body, status, attempts, created_ms, due_ms, reason, at_ms,
                        checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (delivery_id) DO UPDATE SET
       target = excluded.target, lane = excluded.lane, event = excluded.event, body = excluded.body, status = excluded.status,
       attempts = excluded.attempts, created_ms = excluded.created_ms, due_ms = excluded.due_ms, reason = excluded.reason,
       at_ms = excluded.at_ms, checksum = excluded.checksum;

-- put_cursor
INSERT INTO cursors (name, offset, at_ms, checksum) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET offset = excluded.offset, at_ms = excluded.at_ms, checksum = excluded.checksum;

-- cursor
SELECT name, offset, at_ms, checksum FROM cursors WHERE name = ?;

-- put_damaged
INSERT OR REPLACE INTO damaged (session, offset, reason, found_ms, checksum) VALUES (?, ?, ?, ?, ?);

-- damaged
SELECT session, offset, reason, found_ms, checksum FROM damaged ORDER BY session;

-- newest_events
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e ORDER BY e.id DESC LIMIT ?;

-- way
WITH RECURSIVE walk (id, session, seq, next, size) AS (
    SELECT e.id, e.session, e.seq, iif(e.seq & (e.seq - 1) >= :after + :limit, e.jump, e.prev), length(e.payload)
      FROM events e WHERE e.id = :head
    UNION ALL
    SELECT e.id, e.session, e.seq, iif(e.seq & (e.seq - 1) >= :after + :limit, e.jump, e.prev), length(e.payload)
      FROM walk w JOIN events e ON e.id = w.next
     WHERE w.seq > :after + 1 AND e.session = w.session AND e.seq < w.seq
)
SELECT group_concat(id), group_concat(size) FROM walk WHERE seq > :after AND seq <= :after + :limit;

-- read
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM json_each(:ids) one CROSS JOIN events e ON e.id = one.value;

-- packed
SELECT CAST(group_concat(json_array(id, session, seq, prev, jump, at_ms, time, kind, key, length(payload), length(intent)),
                         char(10)) AS BLOB),
       CAST(group_concat(payload, '') AS BLOB), CAST(group_concat(intent, '') AS BLOB), group_concat(checksum) FROM found;

-- events_before
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.id < ? ORDER BY e.id DESC LIMIT ?;

-- events_after
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.id > ? ORDER BY e.id LIMIT ?;

-- has_states
SELECT 1 FROM events WHERE session = ? AND kind = 'session' LIMIT 1;

-- read_on
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.id > :after AND e.id <= :end ORDER BY e.id LIMIT :limit;

-- read_on_kinds
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.id > :after AND e.id <= :end
   AND (e.id = :end OR e.kind IN (SELECT value FROM json_each(:kinds))
        OR e.kind NOT IN (SELECT value FROM json_each(:known))) ORDER BY e.id LIMIT :limit;

-- cursors
SELECT name, offset, at_ms, checksum FROM cursors;

-- ended_sessions
SELECT s.id, s.session_id, s.name, s.token, s.guest, s.opened_ms, s.ends_ms, s.over_ms, s.first_seq, s.checksum, coalesce(h.seq, 0)
  FROM sessions s LEFT JOIN heads h ON h.session = s.id
 WHERE s.over_ms IS NOT NULL AND s.id > 0 ORDER BY s.over_ms DESC, s.id DESC LIMIT ?;

-- operation
SELECT operation_id, kind, state, over, at_ms, checksum FROM operations WHERE operation_id = ?;

-- operations
SELECT operation_id, kind, state, over, at_ms, checksum FROM operations WHERE over = 0 ORDER BY id;

-- operations_over
SELECT operation_id, kind, state, over, at_ms, checksum FROM operations WHERE over = 1 ORDER BY id DESC LIMIT ?;

-- delivery
SELECT delivery_id, target, lane, event, body, status, attempts, created_ms, due_ms, reason, at_ms, checksum FROM deliveries
 WHERE delivery_id = ?;

-- deliveries
SELECT delivery_id, target, lane, event, body, status, attempts, created_ms, due_ms, reason, at_ms, checksum FROM deliveries
 WHERE status = :status AND id > coalesce((SELECT id FROM deliveries WHERE delivery_id = :after), 0)
   AND (:target = '' OR target = :target) AND target NOT IN (SELECT value FROM json_each(:other_than)) ORDER BY id;

-- living
SELECT id, session_id, name, token, guest, opened_ms, ends_ms, over_ms, first_seq, checksum FROM sessions
 WHERE over_ms IS NULL AND id > 0 ORDER BY id;

-- guest_names
SELECT id, session_id, name, token, guest, opened_ms, ends_ms, over_ms, first_seq, checksum FROM sessions
 WHERE session_id IN (SELECT value FROM json_each(:session_ids));

-- command
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.session = :session AND e.kind = 'accepted' AND e.key = :command
UNION ALL
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.session = :session AND e.kind = 'delivery' AND e.key = :command;

-- was_shown
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.time = ? AND e.session = (SELECT id FROM sessions WHERE session_id = ?) AND e.key = ? LIMIT 1;

-- commands
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum,
       EXISTS (SELECT 1 FROM events d WHERE d.session = e.session AND d.kind = 'delivery' AND d.key = e.key)
  FROM sessions s JOIN events e ON e.session = s.id
 WHERE s.over_ms IS NULL AND s.id > 0 AND e.kind = 'accepted' ORDER BY e.session, e.seq;

-- latest_state
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.session = ? AND e.kind = 'session' ORDER BY e.seq DESC LIMIT 1;

-- files
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM events e WHERE e.session = ? AND e.seq > ? AND e.kind = 'attachment' ORDER BY e.seq;

-- identities
WITH RECURSIVE walk (id, session, seq, prev) AS (
    SELECT e.id, e.session, e.seq, e.prev FROM events e WHERE e.id = ?
    UNION ALL SELECT e.id, e.session, e.seq, e.prev FROM walk w JOIN events e ON e.id = w.prev
     WHERE e.session = w.session AND e.seq < w.seq
)
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum
  FROM walk w CROSS JOIN events e ON e.id = w.id;

-- overdue
SELECT s.id, s.session_id, s.name, s.token, s.guest, s.opened_ms, s.ends_ms, s.over_ms, s.first_seq, s.checksum,
       h.session, h.id, h.seq, h.checksum
  FROM sessions s LEFT JOIN heads h ON h.session = s.id
 WHERE s.over_ms < :before_ms AND s.id > 0 AND s.id NOT IN (SELECT session FROM damaged)
 ORDER BY s.over_ms LIMIT :limit;

-- delete_events_of
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE session = ? AND id <= ? LIMIT ?);

-- has_events
SELECT 1 FROM events WHERE session = ? LIMIT 1;

-- delete_head_of
DELETE FROM heads WHERE session = ?;

-- delete_session_of
DELETE FROM sessions WHERE id = ?;

-- delete_damaged
DELETE FROM damaged WHERE session = ?;

-- mark_retired
UPDATE retired SET up_to = ?, checksum = ?;

-- retired
SELECT up_to, checksum FROM retired;

-- newest_offset
SELECT coalesce(max(id), 0) FROM events WHERE id <= ?;

-- next_offset
SELECT min(id) FROM events WHERE id > ?;

-- delete_events
WITH RECURSIVE walk (id, session, seq, next, after) AS (
    SELECT e.id, e.session, e.seq, iif(e.seq & (e.seq - 1) >= s.first_seq - 1 + :limit, e.jump, e.prev), s.first_seq - 1
      FROM sessions s JOIN heads h ON h.session = s.id JOIN events e ON e.id = h.id AND e.session = s.id
     WHERE s.id IN (SELECT value FROM json_each(:numbers))
    UNION ALL
    SELECT e.id, e.session, e.seq, iif(e.seq & (e.seq - 1) >= w.after + :limit, e.jump, e.prev), w.after
      FROM walk w JOIN events e ON e.id = w.next WHERE w.seq > w.after + 1 AND e.session = w.session AND e.seq < w.seq
)
DELETE FROM events WHERE id IN (SELECT id FROM walk WHERE seq > after AND seq <= after + :limit);

-- move_first
UPDATE sessions SET first_seq = ?, checksum = ? WHERE id = ?;

-- delete_heads
DELETE FROM heads WHERE session IN (SELECT value FROM json_each(:numbers))
   AND NOT EXISTS (SELECT 1 FROM events WHERE id = heads.id);

-- delete_sessions
DELETE FROM sessions WHERE id IN (SELECT value FROM json_each(:numbers))
   AND NOT EXISTS (SELECT 1 FROM heads WHERE session = sessions.id);

-- delete_facts
DELETE FROM events WHERE session = 0 AND seq < coalesce(
    (SELECT min(seq) FROM (SELECT id, seq, at_ms FROM events WHERE session = 0 ORDER BY seq LIMIT :limit)
      WHERE at_ms >= :before_ms OR id > :passed),
    (SELECT seq FROM events WHERE session = 0 ORDER BY seq LIMIT 1 OFFSET :limit),
    (SELECT max(seq) FROM events WHERE session = 0));

-- last_fact
SELECT max((SELECT coalesce(max(seq), 0) FROM events WHERE session = 0),
           coalesce((SELECT seq FROM heads WHERE session = 0), 0));

-- first_fact
SELECT coalesce((SELECT min(seq) FROM events WHERE session = 0), 1);

-- delete_operations
DELETE FROM operations WHERE id IN (SELECT id FROM operations WHERE over = 1 AND at_ms < ? LIMIT ?);

-- delete_deliveries
DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE status = ? AND status <> 'waiting' AND at_ms < ? LIMIT ?);

-- count_sessions
SELECT count(*) FILTER (WHERE over_ms IS NULL AND id NOT IN (SELECT session FROM damaged)), count(*) FROM sessions
 WHERE id > 0;

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
   AND iif(json_valid(CAST(a.payload AS TEXT)), json_extract(CAST(a.payload AS TEXT), '$.action'), '') IN ('send', 'reply')
   AND NOT EXISTS (SELECT 1 FROM events d WHERE d.session = a.session AND d.kind = 'delivery' AND d.key = a.key);

-- export
SELECT e.id, e.session, e.seq, e.prev, e.jump, e.at_ms, e.time, e.kind, e.key, e.payload, e.intent, e.checksum,
       s.session_id, s.name FROM events e LEFT JOIN sessions s ON s.id = e.session ORDER BY e.id;

-- broken_links
SELECT e.session, e.seq FROM events e JOIN sessions s ON s.id = e.session
  LEFT JOIN events p ON p.id = e.prev LEFT JOIN events j ON j.id = e.jump
 WHERE e.seq > s.first_seq AND (p.session IS NOT e.session OR p.seq IS NOT e.seq - 1)
    OR e.seq & (e.seq - 1) >= s.first_seq AND (j.session IS NOT e.session OR j.seq IS NOT e.seq & (e.seq - 1)) LIMIT 20;

-- broken_heads
SELECT session FROM (
    SELECT h.session, h.id, h.seq, h.seq - s.first_seq + 1 AS kept FROM heads h LEFT JOIN sessions s ON s.id = h.session
    UNION ALL SELECT session, max(id), max(seq), count(*) FROM events GROUP BY session)
 GROUP BY session, id, seq, kept HAVING count(*) <> 2 LIMIT 20;
