// The emulator's half of the page: what is read and what is told come in any order.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const page = new URL('../../daemon/guestd/console/page/', import.meta.url)

/** Sockets that were opened, with what was said on them. */
const sockets = []
globalThis.WebSocket = class {
  constructor() {
    this.said = []
    sockets.push(this)
  }

  send(text) {
    this.said.push(JSON.parse(text))
  }

  hears(message) {
    this.onmessage({ data: JSON.stringify(message) })
  }
}

/** Requests that wait for their answer: `[path, answer]`. */
const asked = []
globalThis.fetch = (url) => new Promise((done) => asked.push([String(url).replace(/.*__emulator\//, ''), (body) => done(new Response(JSON.stringify(body)))]))

const { Emulator } = await import(new URL('models/emulator.js', page))
const { times } = await import(new URL('parts/plot.js', page))
const soon = () => new Promise((done) => setTimeout(done, 5))

const injected = (injection, fault, more = {}) => ({ injection, fault, at: injection, outcome: 'done', took_ms: null, ...more })
const answer = async (of, body) => {
  const at = asked.findIndex(([path]) => path === of)
  const [[, done]] = asked.splice(at, 1)
  done(body)
  await soon()
}
const kinds = (emulator) => emulator.recent.map((one) => one.fault)

test('an answer that is older than what was told since takes nothing away', async () => {
  const emulator = new Emulator()
  void emulator.read()
  emulator.take({ n: 1, kind: 'injection', ...injected(1, 'duplicate') })
  clearTimeout(emulator.timer)
  await answer('faults', { rules: [], recent: [] })
  await answer('settings', {})
  assert.deepEqual(kinds(emulator), ['duplicate'])
})

test('of two readings the answer of the newer one counts, however late the older one comes', async () => {
  const emulator = new Emulator()
  void emulator.read()
  void emulator.read()
  const [older] = asked.splice(0, 1)
  await answer('faults', { rules: [{ id: 'f1', kind: 'drop' }], recent: [injected(2, 'drop'), injected(1, 'duplicate')] })
  await answer('settings', {})
  older[1]({ rules: [], recent: [] })
  await soon()
  await answer('settings', {})
  assert.deepEqual(kinds(emulator), ['drop', 'duplicate'])
  assert.equal(emulator.rules.length, 1)
})

test('a connection that is back stays so where an older answer says that it is not', async () => {
  const emulator = new Emulator()
  emulator.take({ n: 1, kind: 'injection', ...injected(1, 'drop', { outcome: 'broken' }) })
  void emulator.read()
  emulator.take({ n: 2, kind: 'injection_over', ...injected(1, 'drop', { outcome: 'restored', took_ms: 40 }) })
  clearTimeout(emulator.timer)
  await answer('faults', { recent: [injected(1, 'drop', { outcome: 'broken' })] })
  await answer('settings', {})
  assert.deepEqual(emulator.recent.map((one) => one.outcome), ['restored'])
})

test('what a rule has injected is counted when it is told, and all is read soon, however much is told', async () => {
  const emulator = new Emulator()
  emulator.rules = [{ id: 'f1', kind: 'duplicate', injected: 0 }]
  emulator.take({ n: 1, kind: 'injection', ...injected(1, 'duplicate'), rule: 'f1' })
  assert.equal(emulator.rules[0].injected, 1)
  const { timer } = emulator
  emulator.take({ n: 2, kind: 'injection', ...injected(2, 'duplicate'), rule: 'f1' })
  assert.equal(emulator.timer, timer)
  clearTimeout(timer)
  assert.equal(emulator.rules[0].injected, 2)
})

test('with a daemon that was started anew the numbers begin anew', async () => {
  const emulator = new Emulator()
  emulator.start()
  const [socket] = sockets
  socket.hears({ kind: 'hello' })
  emulator.take({ n: 57, kind: 'injection', ...injected(9, 'drop') })
  clearTimeout(emulator.timer)
  emulator.startAnew()
  assert.equal(emulator.lastN, 0)
  assert.deepEqual(kinds(emulator), [])
  const subscribed = socket.said.filter((one) => one.action === 'subscribe' && one.topic === 'emulator')
  assert.equal(subscribed.length, 2)
  assert.equal(subscribed.at(-1).after, undefined)
  assert.equal(socket.said.filter((one) => one.action === 'unsubscribe').length, 1)
})

test('an axis has round times, at most five, and no two alike', () => {
  const noon = new Date(2026, 10, 29, 12, 0, 7).getTime()
  const of = (minutes) => times(noon, noon + minutes * 60_000).map(({ text }) => text)
  assert.deepEqual(of(60), ['12:15', '12:30', '12:45', '13:00'])
  assert.deepEqual(of(15), ['12:05', '12:10', '12:15'])
  assert.deepEqual(of(1), ['12:00:15', '12:00:30', '12:00:45', '12:01:00'])
  for (const minutes of [0.2, 1, 2, 3, 4, 5, 7, 15, 22, 60, 150, 1440]) {
    const labels = of(minutes)
    assert.equal(new Set(labels).size, labels.length)
    assert.ok(labels.length >= 1 && labels.length <= 5, `${minutes}: ${labels}`)
  }
  assert.deepEqual(times(5, 5), [])
})
