// A conversation that is open for hours: what the page keeps of it, and what is read again.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { Talk } = await import(new URL('models/talk.js', page))
const { highest, Stats } = await import(new URL('models/stats.js', page))

const said = (seq) => ({ kind: 'message', seq, id: `m${seq}`, direction: 'Outbound', type: 'Text', text: `text ${seq}`, at: seq, content: [] })
const from = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => said(first + i))

/** A journal that has all messages, and gives so many at once. */
function serve(atOnce = 150) {
  const asked = []
  globalThis.fetch = async (url) => {
    const { after, limit } = Object.fromEntries(url.searchParams)
    asked.push([Number(after), Number(limit)])
    const next = Number(after) + Math.min(atOnce, Number(limit))
    return new Response(JSON.stringify({ events: from(Number(after) + 1, next), next, more: next < 100_000 }))
  }
  return asked
}

function opened(last) {
  const talk = new Talk('~s1')
  for (const event of from(1, last)) talk.take(event)
  return talk
}

test('the oldest go, so that a long one takes no more room than a short one', () => {
  const talk = opened(20_000)
  assert.ok(talk.events.length <= 2000 && talk.events.length >= 1600)
  assert.equal(talk.transcript.items.size, talk.events.length)
  assert.equal(talk.transcript.seqs.size, talk.events.length)
  assert.equal(talk.firstSeq, talk.events[0].seq - 1)
  assert.equal(talk.transcript.lastSeq, 20_000)
  talk.take(said(5))
  assert.notEqual(talk.events[0].seq, 5)
})

test('those that went are read again when they are asked for, and stay', async () => {
  const talk = opened(5000)
  const [{ seq: before }] = talk.events
  const asked = serve()
  await Promise.all([talk.readEarlier(), talk.readEarlier()])
  assert.deepEqual(asked[0], [before - 401, 400])
  assert.equal(talk.events[0].seq, before - 400)
  const seqs = talk.events.map((one) => one.seq)
  assert.deepEqual(seqs, Array.from({ length: seqs.length }, (_, i) => before - 400 + i))
  assert.equal(talk.transcript.list()[0].text, `text ${before - 400}`)
  talk.take(said(5001))
  assert.equal(talk.events[0].seq, before - 400)
})

test('what was before says nothing of the state now', async () => {
  const talk = new Talk('~s1')
  talk.session = { session_id: 's1', state: 'resting' }
  talk.firstSeq = 2
  talk.take({ kind: 'session', seq: 3, state: 'resting', at: 3 })
  globalThis.fetch = async () => new Response(JSON.stringify({ events: [{ kind: 'session', seq: 1, state: 'live', at: 1 }, said(2)], next: 2, more: true }))
  await talk.readEarlier()
  assert.equal(talk.transcript.state, 'resting')
  assert.equal(talk.state, 'resting')
  assert.deepEqual(talk.transcript.list().map((one) => one.text), ['Live', 'text 2', ''])
})

test('the figures of a long window are kept only while it is shown', () => {
  const stats = new Stats()
  const take = (n) => stats.take({ at: n * 1000 })
  for (let n = 1; n <= 500; n += 1) take(n)
  assert.deepEqual([stats.rows.length, stats.recent.length], [64, 64])
  stats.window = 300
  for (let n = 501; n <= 1000; n += 1) take(n)
  assert.equal(stats.rows.length, 300)
  stats.window = 64
  take(1001)
  assert.deepEqual([stats.rows.length, stats.rows[63].at], [64, 1_001_000])
})

test('a figure of one second is drawn however many there are, and the same after reading anew', () => {
  const rows = Array.from({ length: 900 }, (_, i) => ({ at: i * 1000, lost: i === 451 ? 7 : 0, ...(i % 2 ? { echo_p99: i } : {}) }))
  const drawn = highest(rows, 300)
  assert.ok(drawn.length <= 301)
  assert.deepEqual(drawn.filter((row) => row.lost).map((row) => row.lost), [7])
  const later = [...rows.slice(1), { at: 900_000, lost: 0 }]
  assert.deepEqual(highest(later, 300).slice(1, -1), drawn.slice(1))
  assert.equal(highest(rows.slice(-300), 300).length, 300)
})
