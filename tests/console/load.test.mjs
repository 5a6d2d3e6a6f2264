// What the console keeps of a load run.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const { limitOf, LoadRun, placed } = await import(new URL('../../daemon/guestd/console/page/models/load.js', import.meta.url))

const point = (at_s, length_s = 1, sent = 1) => ({ at_s, length_s, sent })
const shown = (points) => points.map(({ at_s, length_s }) => `${at_s}+${length_s}`).join(' ')

test('a point takes the place of those that lie within it', () => {
  const seconds = [0, 1, 2, 3].map((at) => point(at))
  assert.equal(shown(placed(seconds, [point(4)])), '0+1 1+1 2+1 3+1 4+1')
  assert.equal(shown(placed(seconds, [point(0, 2)])), '0+2 2+1 3+1')
  assert.equal(placed(seconds, [point(3, 1, 9)])[3].sent, 9)
})

test('the limit of a measure is the lowest that a threshold sets on a percentile', () => {
  const thresholds = [
    { expression: 'echo_latency.p99 < 500ms', unit: 'ms', limit: 500 },
    { expression: 'echo_latency.p95<=200ms', unit: 'ms', limit: 200 },
    { expression: 'echo_latency.max < 1s', unit: 'ms', limit: 1000 },
    { expression: 'first_reply.p95 > 8s', unit: 'ms', limit: 8000 },
    { expression: 'echo_latency.count > 4', unit: 'count', limit: 4 },
  ]
  assert.equal(limitOf({ now: { thresholds } }, 'echo_latency'), 200)
  assert.equal(limitOf({ now: { thresholds } }, 'first_reply'), undefined)
  assert.equal(limitOf(null, 'first_reply'), undefined)
})

test('a run that is over is not followed any more', () => {
  const run = new LoadRun()
  let left = 0
  run.leave = () => { left += 1 }
  run.take({ state: 'running', next: 4, points: [point(0)] })
  assert.deepEqual([run.isOver, left], [false, 0])
  run.take({ state: 'over', next: 5, points: [point(1)] })
  assert.deepEqual([run.isOver, left, run.points.length], [true, 1, 2])
})
