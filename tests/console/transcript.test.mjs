// A conversation made from events: whatever their portions and repetitions, it is the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { Transcript, deliveryOf } = await import(new URL('models/transcript.js', page))

const said = (seq, text, more = {}) => ({ kind: 'message', seq, id: `m${seq}`, direction: 'Outbound', type: 'Text', text, time: `2026-11-29T20:00:${String(seq).padStart(2, '0')}Z`, sender: 'Leo', content: [], ...more })
const accepted = (seq, command_id, text, action = 'send') => ({ kind: 'accepted', seq, command_id, action, text, at: 1000 })
const echo = (seq, command_id, text) => said(seq, text, { direction: 'Inbound', command_id, sender: '' })
const delivered = (seq, command_id, status, more = {}) => ({ kind: 'delivery', seq, command_id, status, at: 1041, ...more })
const texts = (of) => of.list().map((one) => one.text)
const after = (events) => {
  const of = new Transcript()
  for (const event of events) of.apply(event)
  return of
}
const ms = (n) => `${n} ms`

test('an own message waits at the end until its echo has a place', () => {
  const of = after([accepted(1, 'c1', 'hello'), said(2, 'Hi, I am Leo')])
  assert.deepEqual(texts(of), ['Hi, I am Leo', 'hello'])
  of.apply(echo(3, 'c1', 'hello'))
  of.apply(said(4, 'What is it?'))
  assert.deepEqual(texts(of), ['Hi, I am Leo', 'hello', 'What is it?'])
  assert.equal(of.list().length, 3)
})

test('the order of events and repetitions change nothing', () => {
  const events = [accepted(1, 'c1', 'one'), delivered(2, 'c1', 'confirmed'), echo(3, 'c1', 'one'), said(4, 'two'), { kind: 'session', seq: 5, state: 'resting', at: 5000 }, { kind: 'session', seq: 6, state: 'live', at: 6400 }]
  const once = after(events)
  const twice = after([...events, ...events])
  assert.deepEqual(texts(once), texts(twice))
  const swapped = after([events[2], events[1], events[0], events[3]])
  assert.deepEqual(texts(swapped), ['one', 'two'])
})

test('a message that failed stays where it was accepted', () => {
  const of = after([accepted(1, 'c1', 'lost'), delivered(2, 'c1', 'failed', { reason: 'refused' }), said(3, 'later')])
  assert.deepEqual(texts(of), ['lost', 'later'])
  assert.deepEqual(deliveryOf(of.list()[0], 0, ms), { mark: 'bad', words: 'failed: refused' })
})

test('delivery is said in words', () => {
  const of = after([accepted(1, 'c1', 'a')])
  const [item] = of.list()
  assert.deepEqual(deliveryOf(item, 1800, ms), { mark: 'wait', words: 'accepted, not confirmed yet, for 800 ms; looked up in the history if no echo comes' })
  assert.match(deliveryOf(item, 1800, ms, true).words, /for 800 ms; sent, or looked up in the history, when the connection is back$/)
  assert.equal(deliveryOf(item, 0, ms).words, 'accepted, not confirmed yet, and the session has ended')
  of.apply(delivered(2, 'c1', 'confirmed', { took_ms: 41 }))
  assert.deepEqual(deliveryOf(item, 0, ms), { mark: 'ok', words: 'confirmed in 41 ms' })
  of.apply(delivered(3, 'c1', 'uncertain'))
  assert.equal(deliveryOf(item, 0, ms).mark, 'unsure')
})

test('a confirmation says both times where they differ, and how many tries there were', () => {
  const words = (more) => {
    const of = after([accepted(1, 'c1', 'a'), delivered(2, 'c1', 'confirmed', more)])
    return deliveryOf(of.list()[0], 0, ms).words
  }
  assert.equal(words({ took_ms: 41, latency_ms: 60, attempts: 1 }), 'confirmed in 41 ms')
  assert.equal(words({ took_ms: 41, latency_ms: 2300, attempts: 2 }), 'confirmed after 2300 ms, 2 tries, the last took 41 ms')
  assert.equal(words({ took_ms: 41, latency_ms: 2300, attempts: 1 }), 'confirmed after 2300 ms, 41 ms after it was sent')
  assert.equal(words({ took_ms: null, latency_ms: 900 }), 'confirmed in 900 ms')
  assert.equal(words({ took_ms: null, latency_ms: null, at: 0 }), 'confirmed')
})

test('a lost connection is one line, whether it is back or not', () => {
  const of = after([{ kind: 'session', seq: 1, state: 'live', at: 1 }, { kind: 'session', seq: 2, state: 'resting', reason: 'lost', at: 5000 }])
  assert.equal(of.list().at(-1).outage.restored, 0)
  of.apply({ kind: 'session', seq: 3, state: 'live', at: 6400 })
  assert.equal(of.list().length, 2)
  assert.deepEqual(of.list().at(-1).outage, { lost: 5000, restored: 6400 })
})

test('a line stands where its time is, below what was said before it and read from the history after it', () => {
  const second = (n) => Date.parse('2026-11-29T20:00:00Z') + n * 1000
  const of = after([
    { kind: 'session', seq: 1, state: 'live', at: second(1) },
    said(2, 'before'),
    { kind: 'session', seq: 3, state: 'resting', reason: 'unanswered', at: second(20) },
    { kind: 'session', seq: 4, state: 'live', at: second(22) },
    said(5, 'said while nobody heard', { time: '2026-11-29T20:00:10Z', at: second(22) }),
    said(6, 'after', { time: '2026-11-29T20:00:23Z' }),
    accepted(7, 'c1', 'mine'),
  ])
  assert.deepEqual(texts(of), ['Live', 'before', 'said while nobody heard', 'unanswered', 'after', 'mine'])
})

test('that it was asked to end is said, until it has ended', () => {
  const of = after([{ kind: 'session', seq: 1, state: 'live', at: 1 }, accepted(2, 'c1', '', 'end')])
  assert.equal(of.isEnding, true)
  assert.deepEqual(texts(of), ['Live', 'Asked to end'])
})

test('an answer belongs to the offer before it', () => {
  const offer = said(1, 'Which?', { content: [{ contentType: 'QuickReply', quickReply: { text: 'A', payload: 'a' } }] })
  const of = after([offer])
  assert.equal(of.answerTo(of.list()[0]), undefined)
  of.apply(accepted(2, 'c1', 'A', 'reply'))
  assert.equal(of.answerTo(of.list()[0]).text, 'A')
})

test('an unknown kind is shown as JSON and counted', () => {
  const of = after([{ kind: 'parcel', seq: 1, weight: 3 }, { kind: 'parcel', seq: 2, weight: 4 }])
  assert.equal(of.unknown.get('parcel'), 2)
  assert.match(texts(of)[0], /"weight":3/)
})

test('a gap and the end are lines', () => {
  const of = after([{ kind: 'gap', seq: 1, reason: 'the history cannot be read' }, { kind: 'session', seq: 2, state: 'ended', reason: 'session_expired' }])
  assert.match(texts(of)[0], /missing here/)
  assert.equal(of.state, 'ended')
  assert.match(texts(of)[1], /session expired/)
})

test('an own message of which only the end is here is left to what was before', () => {
  const of = after([delivered(5, 'c1', 'confirmed'), said(6, 'later'), echo(7, 'c2', 'mine'), delivered(8, 'c2', 'confirmed')])
  assert.deepEqual(texts(of), ['later', 'mine'])
})
