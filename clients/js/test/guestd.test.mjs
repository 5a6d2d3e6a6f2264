import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import { connect, GuestdError } from '../guestd.js'
import { FakeGuestd, message, soon } from './fake-guestd.mjs'

let guestd, guest

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_800_000_000_000 })
  guestd = new FakeGuestd()
})

afterEach(() => {
  guest?.close()
  mock.timers.reset()
})

const unreachable = async () => {
  throw new TypeError('fetch failed')
}

function talking(options = {}) {
  guest = connect({
    url: 'http://localhost:3000',
    guest: 'ana',
    WebSocket: guestd.WebSocket,
    random: () => 1,
    fetch: unreachable,
    ...options,
  })
  return guest
}

const heard = (kind = 'message') => {
  const all = []
  guest.on(kind, event => all.push(event))
  return all
}

describe('the address', () => {
  test('is that of the simulator, with what was asked for', () => {
    talking({
      url: 'https://example.org/under/here?x=1#y',
      since: 7,
      token: 'a b',
      whenDown: 'queue',
      name: 'Ana M.',
      email: 'a@example.org',
      create: false,
    })
    assert.equal(
      guestd.last.address.origin + guestd.last.address.pathname,
      'wss://example.org/under/here/',
    )
    assert.deepEqual(guestd.last.query, {
      guest: 'ana',
      since: '7',
      create: 'false',
      when_down: 'queue',
      access_token: 'a b',
    })
  })

  test('describes a new guest, and the first frame has its metadata', () => {
    talking({ name: 'Ana M.', email: 'a@example.org', metadata: { order: 7 } })
    assert.deepEqual(guestd.last.query, {
      guest: 'ana',
      name: 'Ana M.',
      email: 'a@example.org',
      details: 'first_frame',
    })
    guestd.last.open()
    assert.deepEqual(guestd.last.sent, [{ action: 'guest', metadata: { order: 7 } }])
  })

  test('has a name even if none was given, the same on each connection', () => {
    talking({ guest: undefined })
    assert.match(guestd.last.query.guest, /^guest-[0-9a-f]{16}$/)
    guestd.last.lost()
    mock.timers.tick(250)
    assert.equal(guestd.sockets[1].query.guest, guestd.sockets[0].query.guest)
  })

  test('is refused if it is no address of guestd', () => {
    assert.throws(() => talking({ url: 'file:///tmp/x' }), { code: 'bad_url' })
    assert.throws(() => connect({ url: 'http://localhost', WebSocket: null }), {
      code: 'no_websocket',
    })
  })
})

describe('events', () => {
  test('are told by kind and all together, in order', () => {
    talking()
    const [messages, all] = [heard('message'), heard('event')]
    guestd.last.greets().says(message(1), { kind: 'typing', seq: 2 }, message(3))
    assert.deepEqual(
      messages.map(one => one.seq),
      [1, 3],
    )
    assert.deepEqual(
      all.map(one => one.seq),
      [1, 2, 3],
    )
    assert.equal(guest.seq, 3)
  })

  test('of a kind that this client does not know are told too', () => {
    talking()
    const found = heard('hologram')
    guestd.last.greets().says({ kind: 'hologram', seq: 1 })
    assert.equal(found.length, 1)
  })

  test('are shown once, whatever guestd repeats', () => {
    talking()
    const messages = heard()
    guestd.last.greets().says(message(1), message(2), message(2), message(1), message(3))
    assert.deepEqual(
      messages.map(one => one.seq),
      [1, 2, 3],
    )
  })

  test('a listener that fails costs no other one its event', async () => {
    talking()
    const failures = []
    process.setUncaughtExceptionCaptureCallback(error => failures.push(error.message))
    guest.on('message', () => {
      throw new Error('of the page')
    })
    const messages = heard()
    guestd.last.greets().says(message(1))
    await soon()
    process.setUncaughtExceptionCaptureCallback(null)
    assert.deepEqual([messages.length, failures], [1, ['of the page']])
  })

  test('can be waited for, and a listener can be taken off', async () => {
    talking()
    const messages = []
    const off = guest.on('message', one => messages.push(one))
    const wanted = guest.next('message', one => one.text === 'b')
    guestd.last.greets().says(message(1, 'a'))
    off()
    guestd.last.says(message(2, 'b'))
    assert.equal((await wanted).seq, 2)
    assert.equal(messages.length, 1)
    const late = guest.next('message', undefined, 500)
    mock.timers.tick(500)
    await assert.rejects(late, { code: 'timeout' })
    const never = guest.next('message')
    guest.close()
    await assert.rejects(never, { code: 'closed' })
  })

  const UNKNOWN = { error: 'since is 500', code: 'unknown_since', field: 'since' }
  const HELLO = {
    kind: 'hello',
    guest: 'ana',
    session: 's1',
    state: 'live',
    seq: 2,
    new: true,
    file_bytes_max: 0,
  }
  for (const [order, first] of [
    ['after', [HELLO, UNKNOWN]],
    ['before', [UNKNOWN, HELLO]],
  ]) {
    test(`are all shown where since was another session's, told ${order} hello`, () => {
      talking({ since: 500 })
      const [messages, errors, states] = [heard(), heard('error'), heard('connection')]
      guestd.last.open()
      guestd.last.says(...first, message(1), message(2))
      assert.deepEqual(
        messages.map(one => one.seq),
        [1, 2],
      )
      assert.equal(errors[0].code, 'unknown_since')
      guestd.last.lost(1006, 'the cable')
      assert.equal(states.at(-1).reason, 'the cable', 'that since was unknown is long over')
      mock.timers.tick(250)
      assert.equal(guestd.last.query.since, '2')
    })
  }

  test('the state is that of hello, then of newer session events', () => {
    talking({ since: 0 })
    guestd.last.greets({ state: 'resting', seq: 5 })
    guestd.last.says({ kind: 'session', seq: 2, state: 'live' })
    assert.equal(guest.state, 'resting')
    guestd.last.says({ kind: 'session', seq: 6, state: 'live' })
    assert.equal(guest.state, 'live')
  })
})

describe('a lost connection', () => {
  test('is made again, after what was shown last, and of the same session only', () => {
    talking()
    const [messages, states] = [heard(), heard('connection')]
    guestd.last.greets({ seq: 4 }).says(message(5))
    guestd.last.lost(1006)
    assert.deepEqual(states.at(-1), {
      status: 'down',
      code: 1006,
      reason: '',
      attempt: 1,
      retryInMs: 250,
    })
    mock.timers.tick(249)
    assert.equal(guestd.sockets.length, 1)
    mock.timers.tick(1)
    assert.deepEqual(guestd.last.query, { guest: 'ana', since: '5', create: 'false' })
    guestd.last.greets({ seq: 7 }).says(message(6), message(7))
    assert.deepEqual(
      messages.map(one => one.seq),
      [5, 6, 7],
    )
  })

  test('an old socket that speaks late is not heard', () => {
    talking()
    const messages = heard()
    const old = guestd.last.greets()
    old.lost()
    mock.timers.tick(250)
    guestd.last.greets()
    old.says(message(1, 'from the old one'))
    guestd.last.says(message(1, 'from the new one'))
    old.onclose({ code: 1006, reason: '' })
    assert.deepEqual(
      messages.map(one => one.text),
      ['from the new one'],
    )
    assert.equal(guest.connection, 'up')
  })

  test('the pauses grow up to a bound, and chance takes up to half of each', () => {
    talking({ backoff: { firstMs: 100, maxMs: 1000 } })
    const states = heard('connection')
    const lose = () => {
      guestd.last.lost()
      const { retryInMs } = states.at(-1)
      mock.timers.tick(retryInMs)
      return retryInMs
    }
    assert.deepEqual(
      [lose(), lose(), lose(), lose(), lose(), lose()],
      [100, 200, 400, 800, 1000, 1000],
    )
    guestd.last.greets()
    assert.equal(lose(), 400, 'a connection that was there begins low again')
    guest.close()
    talking({ backoff: { firstMs: 100 }, random: () => 0 })
    guestd.last.lost()
    mock.timers.tick(50)
    assert.equal(guest.connection, 'connecting')
  })

  test('one that never answers is given up', () => {
    talking()
    guestd.last.open()
    mock.timers.tick(15_000)
    assert.equal(guest.connection, 'down')
    mock.timers.tick(250)
    assert.equal(guestd.sockets.length, 2)
  })

  test('a handshake that fails and never closes is given up, with what the error says', () => {
    talking()
    const states = heard('connection')
    guestd.last.onerror({ message: 'non-101 status code' })
    assert.equal(guest.connection, 'connecting', 'a close may follow, and say more')
    mock.timers.tick(100)
    const { code, reason, attempt } = states.find(one => one.status === 'down')
    assert.deepEqual([code, reason, attempt], [1006, 'non-101 status code', 1])
    mock.timers.tick(250)
    assert.equal(guestd.sockets.length, 2)
  })

  test('an error with a close after it is one loss, and a reason of the close counts more', () => {
    for (const [reason, told] of [
      ['', 'Unexpected server response: 502'],
      ['too slow', 'too slow'],
    ]) {
      talking()
      const states = heard('connection')
      guestd.last.onerror({ message: 'Unexpected server response: 502' })
      guestd.last.lost(1006, reason)
      assert.equal(states.at(-1).reason, told)
      mock.timers.tick(250)
      guestd.last.greets()
      mock.timers.tick(10_000)
      assert.equal(guest.connection, 'up')
      guestd.last.lost(1006)
      assert.equal(states.at(-1).reason, '', 'an error of an earlier connection is over')
      guest.close()
    }
  })

  test('a listener that closes the client is the last word', () => {
    for (const wanted of ['connecting', 'up', 'down']) {
      talking()
      const off = guest.on('connection', ({ status }) => {
        if (status === wanted) guest.close()
      })
      guestd.last.greets().lost()
      mock.timers.tick(60_000)
      assert.equal(guest.connection, 'closed', wanted)
      off()
    }
  })

  test('one that leaves a command without an answer is given up', () => {
    talking({ answerMs: 4000 })
    guestd.last.greets()
    guest.send('hello')
    mock.timers.tick(4000)
    assert.equal(guest.connection, 'up')
    mock.timers.tick(1000)
    assert.equal(guest.connection, 'down')
  })

  test('too slow (1013): not at once', () => {
    talking({ backoff: { firstMs: 10 } })
    const states = heard('connection')
    guestd.last.greets().lost(1013, 'too slow; resume with since=0')
    assert.equal(states.at(-1).retryInMs, 1000)
  })

  test('the network is back: at once', () => {
    const listeners = {}
    globalThis.addEventListener = (kind, listener) => {
      listeners[kind] = listener
    }
    talking({ backoff: { firstMs: 10_000 } })
    delete globalThis.addEventListener
    guestd.last.lost()
    listeners.online()
    assert.equal(guestd.sockets.length, 2)
  })
})

describe('commands', () => {
  test('are sent at once when it is up, each with an id of its own', async () => {
    talking()
    guestd.last.greets()
    const [first, second] = [
      guest.send('a'),
      guest.reply({ text: 'Yes', payload: 'yes', inReplyTo: 'm1' }),
    ]
    assert.deepEqual(guestd.last.sent, [
      { command_id: first.commandId, action: 'send', text: 'a' },
      {
        command_id: second.commandId,
        action: 'reply',
        type: 'QuickReply',
        text: 'Yes',
        payload: 'yes',
        in_reply_to: 'm1',
      },
    ])
    assert.notEqual(first.commandId, second.commandId)
    guestd.last.says({ ok: true, command_id: first.commandId, seq: 1 })
    assert.equal((await first.accepted).seq, 1)
    guestd.last.says({
      kind: 'delivery',
      seq: 3,
      command_id: first.commandId,
      status: 'confirmed',
      message_id: 'm9',
    })
    assert.equal((await first.confirmed).message_id, 'm9')
  })

  test('wait while there is no connection, in their order, and not for the open socket but for hello', () => {
    talking()
    const ids = ['a', 'b', 'c'].map(text => guest.send(text).commandId)
    assert.equal(guest.waiting, 3)
    guestd.last.open()
    assert.deepEqual(guestd.last.sent, [])
    guestd.last.greets()
    assert.deepEqual(
      guestd.last.sent.map(one => one.command_id),
      ids,
    )
  })

  test('are sent again with the same id if the answer was lost, and only those', async () => {
    talking()
    guestd.last.greets()
    const [first, second, third] = ['a', 'b', 'c'].map(text => guest.send(text))
    guestd.last.says({ ok: true, command_id: first.commandId, seq: 1 })
    guestd.last.says({ kind: 'accepted', seq: 2, command_id: second.commandId, action: 'send' })
    guestd.last.lost()
    mock.timers.tick(250)
    guestd.last.greets()
    assert.deepEqual(guestd.last.sent, [{ command_id: third.commandId, action: 'send', text: 'c' }])
    assert.equal((await second.accepted).seq, 2, 'the event tells it where the answer was lost')
  })

  test('that are refused say why', async () => {
    talking()
    const errors = heard('error')
    guestd.last.greets()
    const sent = guest.send('hello')
    guestd.last.says({
      error: 'resting',
      code: 'not_ready',
      state: 'resting',
      retry_after_ms: 900,
      command_id: sent.commandId,
    })
    await assert.rejects(
      sent.accepted,
      error =>
        error instanceof GuestdError && error.code === 'not_ready' && error.retryAfterMs === 900,
    )
    await assert.rejects(sent.confirmed, { code: 'not_ready' })
    assert.equal(errors[0].commandId, sent.commandId)
  })

  test('that fail later, or may have been done, reject what waits for them', async () => {
    talking()
    guestd.last.greets()
    for (const [seq, status, code] of [
      [1, 'failed', 'platform_refused'],
      [2, 'uncertain', 'unconfirmed'],
    ]) {
      const sent = guest.send(status)
      guestd.last.says({ ok: true, command_id: sent.commandId, seq })
      guestd.last.says({
        kind: 'delivery',
        seq,
        command_id: sent.commandId,
        status,
        code,
        reason: 'why',
      })
      await assert.rejects(sent.confirmed, { code, message: 'why' })
    }
  })

  test('of one id at once are refused here, and leave the first alone', async () => {
    talking()
    guestd.last.greets()
    const [first, second] = [
      guest.send('a', { commandId: 'x' }),
      guest.send('b', { commandId: 'x' }),
    ]
    await assert.rejects(second.accepted, { code: 'conflict' })
    guestd.last.says(
      { ok: true, command_id: 'x', seq: 1 },
      { kind: 'delivery', seq: 2, command_id: 'x', status: 'confirmed' },
    )
    assert.equal((await first.confirmed).seq, 2)
    assert.equal(guestd.last.sent.length, 1)
  })

  test('are bounded while they wait', async () => {
    talking({ queueMax: 2 })
    guest.send('a')
    guest.send('b')
    await assert.rejects(guest.send('c').accepted, { code: 'queue_full' })
  })

  test('of which nobody waits for the promise are told as errors, each once, when send is done', async () => {
    talking({ queueMax: 2 })
    const errors = heard('error')
    guestd.last.greets()
    const first = guest.send('a', { commandId: 'x' })
    guest.send('b', { commandId: 'x' })
    const context = guest.context({ order: 7 })
    const third = guest.send('c')
    assert.deepEqual(errors, [], 'not before send has returned')
    await soon()
    assert.deepEqual(
      errors.map(({ code, commandId }) => [code, commandId]),
      [
        ['conflict', 'x'],
        ['queue_full', third.commandId],
      ],
    )
    await assert.rejects(third.confirmed, error => error === errors[1])
    errors.length = 0
    guestd.last.says({ ok: true, command_id: 'x', seq: 1 })
    assert.equal((await first.accepted).seq, 1)
    const end = guest.end()
    guestd.last.says({ kind: 'session', seq: 2, state: 'ended', reason: 'finished' })
    const late = guest.send('late')
    await soon()
    assert.equal((await end).reason, 'finished')
    const { commandId } = errors[1]
    assert.deepEqual(
      errors.map(one => [one.code, one.commandId]),
      [
        ['ended', 'x'],
        ['ended', commandId],
        ['ended', late.commandId],
      ],
    )
    assert.ok(errors.every(error => error instanceof GuestdError))
    await assert.rejects(context, error => error === errors[1])
    await assert.rejects(first.confirmed, error => error === errors[0])
  })

  test('that a client which is closed still had are told as errors', async () => {
    talking()
    const errors = heard('error')
    const { commandId } = guest.send('hello')
    guest.close()
    const late = guest.send('late')
    await soon()
    assert.deepEqual(
      errors.map(one => [one.code, one.commandId]),
      [
        ['closed', commandId],
        ['closed', late.commandId],
      ],
    )
  })

  test('typing is said now or not at all', () => {
    talking()
    guest.typing()
    guestd.last.greets()
    assert.deepEqual(guestd.last.sent, [])
    guest.typing()
    assert.deepEqual(guestd.last.sent, [{ action: 'typing' }])
  })

  test('a link gives its result', async () => {
    talking()
    guestd.last.greets()
    const found = guest.link('f1')
    guestd.last.says({
      ok: true,
      command_id: guestd.last.sent[0].command_id,
      result: { url: 'https://example.org/f' },
    })
    assert.deepEqual(await found, { url: 'https://example.org/f' })
  })
})

describe('the end', () => {
  test('is told by the session, and nothing is dialled again', async () => {
    talking()
    guestd.last.greets()
    const ended = guest.end()
    guestd.last.says({ ok: true, command_id: guestd.last.sent[0].command_id, seq: 1 })
    guestd.last.says({ kind: 'session', seq: 2, state: 'ended', reason: 'finished' })
    guestd.last.lost(1000)
    assert.equal((await ended).reason, 'finished')
    assert.deepEqual([guest.connection, guest.state], ['ended', 'ended'])
    mock.timers.tick(60_000)
    assert.equal(guestd.sockets.length, 1)
    await assert.rejects(guest.send('late').accepted, { code: 'ended' })
  })

  test('a socket closed with 1000 is the end too', async () => {
    talking()
    guestd.last.greets().lost(1000)
    assert.equal((await guest.ended).reason, 'unknown')
  })

  test('close leaves the conversation open, and says so to what waits', async () => {
    talking()
    guestd.last.greets()
    const sent = guest.send('hello')
    guest.close()
    await assert.rejects(sent.accepted, { code: 'closed' })
    await assert.rejects(guest.ended, { code: 'closed' })
    assert.deepEqual(
      guestd.last.sent.map(one => one.action),
      ['send'],
    )
    mock.timers.tick(60_000)
    assert.deepEqual([guest.connection, guestd.sockets.length], ['closed', 1])
  })

  test('a refusal is final, but not one that passes', async () => {
    talking()
    guestd.last.open()
    guestd.last.says({ error: 'guestd stops', code: 'draining' })
    guestd.last.lost(1008, 'draining')
    assert.equal(guest.connection, 'down')
    mock.timers.tick(250)
    guestd.last.open()
    guestd.last.says({ error: 'origin x is not allowed', code: 'origin_refused' })
    guestd.last.lost(1008, 'origin x is not allowed')
    assert.equal(guest.connection, 'closed')
    await assert.rejects(guest.ended, { code: 'origin_refused' })
    mock.timers.tick(60_000)
    assert.equal(guestd.sockets.length, 2)
  })
})

describe('a session that ended while the client was away', () => {
  const away = options => {
    talking(options)
    guestd.last.greets({ seq: 5 })
    const sent = guest.send('was it heard?')
    guestd.last.lost()
    const queued = guest.send('for whoever is there')
    mock.timers.tick(250)
    return { sent, queued }
  }
  const refuse = () => {
    guestd.last.open()
    guestd.last.says({ error: 'there is no guest session', code: 'not_found' })
    guestd.last.lost(1008, 'not_found')
  }

  test('is over, and no other is begun', async () => {
    const { sent, queued } = away()
    const errors = heard('error')
    refuse()
    assert.equal((await guest.ended).state, 'ended')
    await soon()
    assert.deepEqual(
      errors.map(one => [one.code, one.commandId]),
      [
        ['ended', sent.commandId],
        ['ended', queued.commandId],
      ],
      'an end is no error, but for what was not said',
    )
    await assert.rejects(sent.confirmed, { code: 'ended' })
    assert.equal(guestd.sockets.length, 2)
  })

  test('another of its name is not taken for it', async () => {
    away()
    guestd.last.greets({ session: 's2', seq: 9 })
    assert.equal((await guest.ended).state, 'ended')
    assert.deepEqual(guestd.last.sent, [])
  })

  for (const [how, happens] of [
    ['is gone', refuse],
    ['has a successor', () => guestd.last.greets({ session: 's2', seq: 9 })],
  ]) {
    test(`with reopen it goes on where it ${how}, from the beginning, and repeats nothing`, async () => {
      const { sent, queued } = away({ reopen: true })
      const [messages, replaced, errors] = [heard(), heard('replaced'), heard('error')]
      happens()
      assert.equal(replaced[0].was, 's1')
      await assert.rejects(sent.accepted, { code: 'uncertain' })
      await assert.rejects(sent.confirmed, { code: 'uncertain' })
      assert.deepEqual(
        errors.map(one => [one.code, one.commandId]),
        [['uncertain', sent.commandId]],
      )
      assert.deepEqual(guestd.last.query, { guest: 'ana', since: '0' })
      guestd.last.greets({ session: 's2', seq: 9 }).says(message(1))
      assert.equal(messages[0].seq, 1)
      assert.deepEqual(
        guestd.last.sent.map(one => one.command_id),
        [queued.commandId],
      )
      guestd.last.says({ ok: true, command_id: queued.commandId, seq: 2 })
      guestd.last.says({
        kind: 'delivery',
        seq: 3,
        command_id: queued.commandId,
        status: 'confirmed',
      })
      assert.equal((await queued.confirmed).seq, 3)
    })
  }

  test('a listener of replaced that closes the client is the last word', () => {
    away({ reopen: true })
    guest.on('replaced', () => guest.close())
    refuse()
    assert.deepEqual([guest.connection, guestd.sockets.length], ['closed', 2])
  })

  test('a cursor goes on where another page was', () => {
    talking({ cursor: { session: 's1', seq: 12 } })
    assert.deepEqual(guestd.last.query, { guest: 'ana', since: '12', create: 'false' })
    guestd.last.greets({ seq: 13 }).says(message(13))
    assert.deepEqual(guest.cursor, { session: 's1', seq: 13 })
  })
})

describe('a handshake that is refused where there is no page', () => {
  /** What was asked over HTTP; each is answered by the test. */
  const asking = (options = {}) => {
    const asked = []
    const fetch = (url, { signal }) => {
      const one = { url: String(url), signal }
      asked.push(one)
      return new Promise((resolve, reject) => {
        one.answer = async (status, text, type = 'text/plain; charset=utf-8') => {
          resolve({ status, headers: new Headers({ 'Content-Type': type }), text: async () => text })
          await soon()
        }
        one.fail = reject
      })
    }
    talking({ fetch, token: 'a b', since: 3, ...options })
    return asked
  }

  for (const [status, code] of [
    [401, 'unauthorized'],
    [403, 'refused'],
    [404, 'not_found'],
    [421, 'no_such_host'],
  ]) {
    test(`is final if the same address answers ${status}`, async () => {
      const asked = asking({ url: 'ws://localhost:3000/under' })
      const [errors, states] = [heard('error'), heard('connection')]
      const sent = guest.send('hello')
      guestd.last.lost(1006)
      assert.equal(
        asked[0].url,
        'http://localhost:3000/under/?guest=ana&since=3&access_token=a+b',
      )
      await asked[0].answer(status, 'do this instead\n')
      assert.equal(guest.connection, 'closed')
      assert.equal(states.at(-1).reason, 'do this instead')
      await assert.rejects(guest.ended, { code, status, message: 'do this instead' })
      assert.deepEqual(
        errors.map(one => [one.code, one.commandId]),
        [
          [code, undefined],
          [code, sent.commandId],
        ],
      )
      mock.timers.tick(60_000)
      assert.equal(guestd.sockets.length, 1)
    })
  }

  test('has the code and the words of a problem document, and those of no page', async () => {
    for (const [text, type, code, message] of [
      ['{"code":"no_such_route","detail":"look"}', 'application/problem+json', 'no_such_route', 'look'],
      ['<h1>Not Found</h1>', 'text/html', 'not_found', 'guestd answered 404'],
      ['', 'text/plain', 'not_found', 'guestd answered 404'],
    ]) {
      const asked = asking()
      guestd.last.lost()
      await asked[0].answer(404, text, type)
      await assert.rejects(guest.ended, { code, message })
    }
  })

  test('goes on if the answer is another one, or none', async () => {
    const asked = asking({ backoff: { firstMs: 10_000, maxMs: 10_000 } })
    for (const [n, how] of [
      one => one.answer(200, 'WELCOME'),
      one => one.answer(503, 'soon'),
      one => one.answer(429, 'slowly'),
      one => one.fail(new TypeError('fetch failed')),
      () => mock.timers.tick(5000), // the time limit
      () => {},
    ].entries()) {
      guestd.last.lost()
      assert.equal(asked.length, n + 1)
      await how(asked[n])
      await soon()
      assert.equal(guest.connection, 'down')
      mock.timers.tick(10_000)
    }
    assert.equal(asked[4].signal.aborted, true)
  })

  test('is asked about once at a time', () => {
    const asked = asking({ backoff: { firstMs: 10 } })
    for (let n = 0; n < 3; n++) {
      guestd.last.lost()
      mock.timers.tick(100)
    }
    assert.deepEqual([guestd.sockets.length, asked.length], [4, 1])
  })

  test('a late answer closes no client that is up, opening or over', async () => {
    for (const happens of [() => guestd.last.open(), () => guestd.last.greets()]) {
      const asked = asking()
      guestd.last.lost()
      mock.timers.tick(250)
      happens()
      assert.equal(asked[0].signal.aborted, true)
      await asked[0].answer(401, 'late')
      assert.notEqual(guest.connection, 'closed')
      guest.close()
    }
    const asked = asking()
    const errors = heard('error')
    guestd.last.lost()
    guest.close()
    await asked[0].answer(401, 'late')
    await assert.rejects(guest.ended, { code: 'closed' })
    assert.deepEqual(errors, [])
  })

  test('nobody asks after a connection that was open, or in a page', () => {
    const asked = asking()
    guestd.last.greets().lost(1006)
    assert.equal(asked.length, 0)
    guest.close()
    globalThis.document = { baseURI: 'http://localhost:8000/' }
    try {
      const inPage = asking()
      guestd.last.lost()
      assert.equal(inPage.length, 0)
    } finally {
      delete globalThis.document
    }
  })

  test('a client that was up takes a path that is gone for a restart, a token for a refusal', async () => {
    const asked = asking()
    guestd.last.greets().lost()
    mock.timers.tick(250)
    guestd.last.lost()
    await asked[0].answer(404, 'the proxy has no guestd just now')
    assert.equal(guest.connection, 'down')
    mock.timers.tick(15_000)
    guestd.last.lost()
    await asked[1].answer(401, 'another token')
    await assert.rejects(guest.ended, { code: 'unauthorized' })
  })
})

describe('files', () => {
  const answers = (...given) => {
    const asked = []
    const fetch = async (url, request) => {
      asked.push({ url: String(url), ...request })
      const next = given.shift()
      if (next instanceof Error) throw next
      const [status, body, headers = {}] = next
      return { status, headers: new Headers(headers), text: async () => JSON.stringify(body) }
    }
    return { asked, fetch }
  }
  const file = new File(['12345'], 'a b.txt', { type: 'text/plain' })

  test('go over HTTP, to the session, when it is known', async () => {
    const { asked, fetch } = answers([202, { seq: 4 }])
    talking({ fetch, apiToken: 'secret', url: 'http://localhost:3000/under' })
    const progress = []
    const sent = guest.upload(file, {
      caption: 'look',
      whenDown: 'queue',
      onProgress: one => progress.push(one),
    })
    await soon()
    assert.equal(asked.length, 0)
    guestd.last.greets()
    assert.equal((await sent.accepted).seq, 4)
    const { url, method, headers, body } = asked[0]
    assert.equal(
      url,
      'http://localhost:3000/under/v1/sessions/s1/attachments?filename=a+b.txt&caption=look&when_down=queue',
    )
    assert.deepEqual(
      [method, body, headers],
      [
        'POST',
        file,
        {
          'Content-Type': 'text/plain',
          'Idempotency-Key': sent.commandId,
          Authorization: 'Bearer secret',
        },
      ],
    )
    assert.deepEqual(progress, [{ sent: 5, size: 5 }])
    guestd.last.says({ kind: 'delivery', seq: 5, command_id: sent.commandId, status: 'confirmed' })
    assert.equal((await sent.confirmed).seq, 5)
  })

  test('are sent again with the same id while guestd is away or busy', async () => {
    const { asked, fetch } = answers(
      new TypeError('fetch failed'),
      [503, {}, { 'Retry-After': '2' }],
      [202, { seq: 1 }],
    )
    talking({ fetch })
    guestd.last.greets()
    const sent = guest.upload(file)
    await soon()
    mock.timers.tick(250)
    await soon()
    mock.timers.tick(1999)
    await soon()
    assert.equal(asked.length, 2)
    mock.timers.tick(1)
    await sent.accepted
    assert.equal(new Set(asked.map(one => one.headers['Idempotency-Key'])).size, 1)
  })

  test('are refused for good where guestd says so, or before by their size', async () => {
    const { asked, fetch } = answers([415, { code: 'unsupported_media_type', detail: 'no' }])
    talking({ fetch })
    const errors = heard('error')
    guestd.last.greets()
    await assert.rejects(guest.upload(file).accepted, {
      code: 'unsupported_media_type',
      status: 415,
      message: 'no',
    })
    await assert.rejects(guest.upload(new Uint8Array(101)).confirmed, { code: 'too_large' })
    assert.equal(asked.length, 1)
    await soon()
    assert.deepEqual(
      errors.map(one => one.code),
      ['unsupported_media_type', 'too_large'],
    )
    assert.ok(errors.every(one => one.commandId))
  })

  test('given after the end are not sent', async () => {
    for (const happens of [() => guestd.last.greets(), () => {}]) {
      const { asked, fetch } = answers([202, { seq: 1 }], [202, { seq: 2 }])
      talking({ fetch })
      const errors = heard('error')
      happens()
      guest.close()
      const late = [guest.upload(file), guest.upload(file)]
      for (const { accepted, confirmed, commandId } of late) {
        await assert.rejects(accepted, { code: 'closed', commandId })
        await assert.rejects(confirmed, { code: 'closed', commandId })
      }
      await soon()
      assert.deepEqual(
        errors.map(one => one.commandId),
        late.map(one => one.commandId),
      )
      assert.equal(asked.length, 0)
      await assert.rejects(guest.ended, error => !('commandId' in error))
    }
  })

  test('that wait for a guest session when the client is closed are told once', async () => {
    talking()
    const errors = heard('error')
    const sent = guest.upload(file)
    guest.close()
    await assert.rejects(sent.accepted, { code: 'closed' })
    await soon()
    assert.deepEqual(
      errors.map(one => [one.code, one.commandId]),
      [['closed', sent.commandId]],
    )
  })

  test('are judged by guestd where the limit of the hello may be an old one', async () => {
    for (const [hello, events] of [
      [{ state: 'joining' }, []],
      [{ state: 'live' }, [{ kind: 'session', seq: 1, state: 'live' }]],
    ]) {
      const { fetch, asked } = answers([202, { seq: 4 }])
      talking({ fetch })
      guestd.last.greets(hello).says(...events)
      assert.deepEqual(await guest.upload(new Uint8Array(101)).accepted, { seq: 4 })
      assert.equal(asked.length, 1)
      guest.close()
    }
  })

  test('are given up when guestd does not come back, or when they are not wanted any more', async () => {
    const never = answers(...Array(8).fill(new TypeError('fetch failed')))
    talking({ fetch: never.fetch })
    guestd.last.greets()
    const sent = guest.upload(file)
    for (let n = 0; n < 8; n++) {
      await soon()
      mock.timers.tick(15_000)
    }
    await assert.rejects(sent.accepted, { code: 'unreachable', status: 0 })
    const stop = new AbortController()
    const { fetch } = answers(new TypeError('fetch failed'))
    guest.close()
    talking({ fetch })
    guestd.last.greets()
    const stopped = guest.upload(file, { signal: stop.signal })
    await soon()
    stop.abort()
    await assert.rejects(stopped.accepted, { name: 'AbortError' })
  })

  test('a browser tells how much has gone out', async () => {
    const requests = []
    class XMLHttpRequest {
      upload = {}
      headers = {}
      constructor() {
        requests.push(this)
      }
      open(method, url) {
        Object.assign(this, { method, url: String(url) })
      }
      setRequestHeader(name, value) {
        this.headers[name] = value
      }
      getResponseHeader() {
        return null
      }
      send(body) {
        this.body = body
      }
    }
    talking({ XMLHttpRequest })
    guestd.last.greets()
    const progress = []
    const sent = guest.upload(file, { onProgress: one => progress.push(one) })
    await soon()
    const [request] = requests
    assert.deepEqual(
      [request.method, request.body, request.headers['Idempotency-Key']],
      ['POST', file, sent.commandId],
    )
    request.upload.onprogress({ loaded: 3, total: 5 })
    Object.assign(request, { status: 202, responseText: '{"seq": 9}' }).onload()
    assert.equal((await sent.accepted).seq, 9)
    assert.deepEqual(progress, [{ sent: 3, size: 5 }])
  })
})
