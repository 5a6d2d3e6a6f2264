// The frames of one session: bounded, and what is not kept is counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'

globalThis.WebSocket = class {
  send() {}
}
const page = new URL('../../daemon/guestd/console/page/', import.meta.url)
const { Frames, FRAMES_MAX } = await import(new URL('models/frames.js', page))

const frame = (n, more = {}) => ({ n, at: n, direction: 'in', kind: 'text', class: 'StructuredMessage', text: '{}', ...more })

test('those that the page gives up are counted in a row of their own', () => {
  const frames = new Frames('s1')
  frames.take(frame(40, { kind: 'not_kept', count: 40 }))
  for (let n = 41; n <= FRAMES_MAX * 2 + 40; n += 1) frames.take(frame(n))
  const [first, second] = frames.all
  assert.equal(first.kind, 'not_kept')
  assert.equal(first.count, second.n - 1)
  assert.ok(frames.all.length <= FRAMES_MAX)
  assert.equal(frames.shown.length, frames.all.length)
  assert.equal(new Set(frames.shown.map((one) => one.n)).size, frames.shown.length)
})

test('a frame that came twice is found by that word', () => {
  const frames = new Frames('s1')
  frames.take(frame(1))
  frames.take(frame(2, { repeated: true }))
  frames.setFilter('repeated')
  assert.deepEqual(frames.shown.map((one) => one.n), [2])
})
