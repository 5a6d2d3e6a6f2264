// The list of guests: pages, changes, order, and what is asked for.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { Sessions, dotOf } = await import(new URL('models/sessions.js', page))
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
  const sessions = new Sessions((query) => new Promise((done) => answers.push(() => done({ sessions: [one(1, { name: query.q ?? 'none' })], next: null }))))
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

test('what is gone stays as ended until the list is asked again', async () => {
  const sessions = new Sessions(server(2).list)
  await sessions.ask({ q: '', state: 'all', sort: 'activity' })
  sessions.apply({ gone: ['s1'] })
  assert.equal(sessions.rows.get('s1').state, 'ended')
  assert.equal(sessions.find('guest-1'), undefined)
  clearTimeout(sessions.timer)
})

test('those that ended are counted and listed, also where the journal keeps none', async () => {
  const { list } = server(2)
  const sessions = new Sessions((query) => (query.ended ? Promise.resolve({ sessions: [], total: 0 }) : list(query)))
  await sessions.ask({ q: '', state: 'all', sort: 'activity' })
  await sessions.readEnded()
  assert.equal(sessions.endedCount, 0)
  sessions.apply({ gone: ['s1'] })
  clearTimeout(sessions.timer)
  assert.equal(sessions.endedCount, 1)
  await sessions.ask({ q: '', state: 'ended', sort: 'activity' })
  assert.deepEqual(sessions.order, ['s1'])
})

test('where nothing matches, those beside the chosen state are counted', async () => {
  const found = (total) => ({ sessions: [], next: null, total })
  const sessions = new Sessions(async (query) => found(query.limit !== '1' ? 0 : query.ended ? 4 : 3))
  await sessions.ask({ q: 'a', state: 'ended', sort: 'activity' })
  assert.deepEqual(sessions.elsewhere, { open: 3, ended: 0 })
  await sessions.ask({ q: 'a', state: 'all', sort: 'activity' })
  assert.deepEqual(sessions.elsewhere, { open: 0, ended: 4 })
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
