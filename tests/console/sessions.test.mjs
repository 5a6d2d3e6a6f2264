// The list of guests: pages, changes, order, and what is asked for.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { Sessions } = await import(new URL('models/sessions.js', page))
const { Attention } = await import(new URL('models/attention.js', page))
const { dotOf, flagOf, rowOf } = await import(new URL('models/row.js', page))
const { Source, pauseLive, LiveSource } = await import(new URL('store.js', page))

const one = (n, more = {}) => ({ session_id: `s${n}`, name: `guest-${n}`, state: 'live', seq: 5, last_activity_at: 1000 + n, ...more })
const settled = () => new Promise((done) => setImmediate(done))

/** A server with so many sessions, that notes what it was asked. */
function server(n) {
  const asked = []
  const all = Array.from({ length: n }, (_, i) => one(n - i))
  const list = async (query) => {
    asked.push(query)
    if (query.ids) return { sessions: query.ids.split(',').map((id) => one(Number(id.slice(1)), { last_message: { text: `last of ${id}`, direction: 'Outbound' }, seq: 9 })) }
    const start = Number(query.after ?? 0)
    const sessions = all.slice(start, start + Number(query.limit))
    const next = start + sessions.length
    return { sessions, next: next < n ? String(next) : null, total: n, counts: { live: n } }
  }
  return { asked, list }
}

test('all pages are read, the first one small', async () => {
  const { asked, list } = server(2500)
  const sessions = new Sessions(list)
  await sessions.ask({ q: '', state: 'all', sort: 'activity' })
  assert.equal(sessions.order.length, 2500)
  assert.deepEqual(asked.map((query) => query.limit), ['100', '1000', '1000', '1000'])
  assert.equal(sessions.order[0], 's2500')
})

test('an older answer does not replace a newer question', async () => {
  const answers = []
  const answer = (query) => ({ sessions: [one(1, { name: query.q ?? 'none' })], next: null })
  const sessions = new Sessions((query) => (query.ended ? Promise.resolve({ sessions: [] }) : new Promise((done) => answers.push(() => done(answer(query))))))
  const first = sessions.ask({ q: 'a', state: 'all', sort: 'activity' })
  const second = sessions.ask({ q: 'b', state: 'all', sort: 'activity' })
  answers[1]()
  await second
  answers[0]()
  await first
  assert.equal(sessions.rows.get('s1').name, 'b')
})

test('changes move rows, but not while the order is held', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  try {
    const sessions = new Sessions(server(3).list)
    await sessions.ask({ q: '', state: 'all', sort: 'activity' })
    sessions.hold(true)
    sessions.apply({ changed: [['s1', 'live', 7, 9999, '', 0]], counts: { live: 3 } })
    mock.timers.tick(3000)
    await settled()
    assert.deepEqual(sessions.order, ['s3', 's2', 's1'])
    assert.equal(sessions.newer.size, 1)
    sessions.hold(false)
    mock.timers.tick(3000)
    assert.deepEqual(sessions.order, ['s1', 's3', 's2'])
    assert.equal(sessions.newer.size, 0)
  } finally {
    mock.timers.reset()
  }
})

test('details are asked for the rows on the screen, a hundred at a time', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  try {
    const { asked, list } = server(300)
    const sessions = new Sessions(list)
    await sessions.ask({ q: '', state: 'all', sort: 'activity' })
    sessions.see(sessions.order.slice(0, 20))
    mock.timers.tick(300)
    await settled()
    const ids = asked.filter((query) => query.ids)
    assert.equal(ids.length, 1)
    assert.equal(ids[0].ids.split(',').length, 20)
    assert.equal(sessions.rows.get('s300').last.text, 'last of s300')
  } finally {
    mock.timers.reset()
  }
})

test('what is gone leaves the list of the open ones, whose count it leaves too, but not under the pointer', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  try {
    const sessions = new Sessions(server(2).list)
    await sessions.ask({ q: '', state: 'all', sort: 'activity' })
    sessions.hold(true)
    sessions.apply({ gone: ['s1'], counts: { live: 1 } })
    mock.timers.tick(3000)
    assert.equal(sessions.rows.get('s1').state, 'ended')
    assert.equal(sessions.find('guest-1'), undefined)
    assert.equal(sessions.order.length, 2)
    sessions.hold(false)
    mock.timers.tick(3000)
    assert.deepEqual(sessions.order, ['s2'])
    assert.equal(sessions.openCount, sessions.order.length)
    assert.equal(sessions.listed.ended, 1)
  } finally {
    mock.timers.reset()
  }
})

test('the counts of a search are of what matches', async () => {
  const sessions = new Sessions(async (query) => (query.ended ? { sessions: [], counts: { ended: 4 } } : { sessions: [one(1), one(2, { state: 'resting' })], counts: { live: 1, resting: 1 } }))
  await sessions.ask({ q: 'guest', state: 'all', sort: 'activity' })
  sessions.apply({ counts: { live: 5000 }, changed: [['s2', 'live', 6, 2000, 0, 0]] })
  assert.deepEqual(sessions.listed, { live: 2, resting: 0, ended: 4 })
  sessions.apply({ gone: ['s2'] })
  clearTimeout(sessions.timer)
  assert.equal(sessions.openCount, 1)
  assert.equal(sessions.listed.ended, 5)
})

test('those that need attention are marked and come first, and are marked no more when they do not', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  try {
    const { list } = server(3)
    let found = [{ session_id: 's1', attention: 'unanswered', unanswered_since: 993_000 }, { session_id: 's9', attention: 'down' }]
    const sessions = new Sessions(async (query) => (query.attention ? { sessions: found, total: found.length, next: null } : list(query)))
    await sessions.ask({ q: '', state: 'all', sort: 'attention' })
    const attention = new Attention(sessions)
    await attention.read()
    mock.timers.tick(2500)
    assert.deepEqual(sessions.order, ['s1', 's3', 's2'])
    assert.equal(flagOf(sessions.rows.get('s1'), 1_000_000), 'no answer for 7 s')
    found = []
    await attention.read()
    assert.equal(flagOf(sessions.rows.get('s1'), 1_002_500), '')
    mock.timers.tick(2500)
    assert.deepEqual(sessions.order, ['s3', 's2', 's1'])
  } finally {
    mock.timers.reset()
  }
})

test('a large fleet is asked more rarely', async () => {
  const { asked, list } = server(10)
  const sessions = new Sessions(list)
  const attention = new Attention(sessions)
  await attention.read()
  await attention.read()
  assert.equal(asked.length, 1)
})

test('a mark says why, in plain words', () => {
  const of = (more) => flagOf(rowOf(one(1, more)), 1_000_000)
  assert.equal(of({}), '')
  assert.equal(of({ uncertain: 2 }), '2 uncertain')
  assert.equal(of({ attention: 'unconfirmed', waiting: 1 }), '1 not confirmed')
  assert.equal(of({ state: 'resting', next_try_at: 1_006_000 }), 'retry in 6 s')
  assert.equal(of({ state: 'resting' }), 'disconnected')
  assert.equal(of({ state: 'ended', uncertain: 1 }), '')
  assert.deepEqual(['live', 'resting', 'ended'].map((state) => dotOf(state, true)), ['wait', 'rest', 'end'])
})

test('those that ended are counted and listed, also where the journal keeps none', async () => {
  const { list } = server(2)
  const sessions = new Sessions((query) => (query.ended ? Promise.resolve({ sessions: [], total: 0 }) : list(query)))
  await sessions.ask({ q: '', state: 'all', sort: 'activity' })
  await sessions.readEnded()
  assert.equal(sessions.listed.ended, 0)
  sessions.apply({ gone: ['s1'] })
  clearTimeout(sessions.timer)
  assert.equal(sessions.listed.ended, 1)
  await sessions.ask({ q: '', state: 'ended', sort: 'activity' })
  assert.deepEqual(sessions.order, ['s1'])
})

test('where nothing matches, those beside the chosen state are counted', async () => {
  const found = (counts) => ({ sessions: [], next: null, counts })
  const sessions = new Sessions(async (query) => found(query.limit !== '1' ? {} : query.ended ? { ended: 4 } : { live: 2, resting: 1 }))
  await sessions.ask({ q: 'a', state: 'ended', sort: 'activity' })
  assert.deepEqual([sessions.openCount, sessions.listed.ended], [3, undefined])
  await sessions.ask({ q: 'a', state: 'all', sort: 'activity' })
  assert.deepEqual([sessions.openCount, sessions.listed.ended], [0, 4])
})

test('unread is what came since it was looked at', async () => {
  const sessions = new Sessions(server(1).list)
  await sessions.ask({ q: '', state: 'all', sort: 'activity' })
  const row = sessions.rows.get('s1')
  assert.equal(sessions.unread(row), 0)
  sessions.apply({ changed: [['s1', 'live', 8, 2000, '', 0]] })
  assert.equal(sessions.unread(row), 3)
  sessions.look('s1', 8)
  assert.equal(sessions.unread(row), 0)
  clearTimeout(sessions.timer)
})

test('a source tells once per frame, a live one not while it is paused', async () => {
  let told = 0
  const plain = new Source()
  plain.watch(() => (told += 1))
  plain.changed()
  plain.changed()
  await new Promise((done) => setTimeout(done, 5))
  assert.equal(told, 1)
  const live = new LiveSource()
  live.watch(() => (told += 1))
  pauseLive(true)
  live.changed()
  await new Promise((done) => setTimeout(done, 5))
  assert.equal(told, 1)
  pauseLive(false)
  await new Promise((done) => setTimeout(done, 5))
  assert.equal(told, 2)
})

test('a dot has one of four shapes', () => {
  assert.deepEqual(['live', 'joining', 'resting', 'ended'].map(dotOf), ['live', 'wait', 'rest', 'end'])
})
