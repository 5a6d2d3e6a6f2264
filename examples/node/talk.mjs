// A guest in Node.js 20 or later, without a package: requests with fetch, events as a stream (SSE).
//
//     node examples/node/talk.mjs "Where is my parcel?" "Thank you, bye"
//
// Node 22 has the browser's WebSocket too, as Node 20 has with --experimental-websocket: then
// examples/page shows the shorter way.
import { randomUUID } from "node:crypto"

const api = `${process.env.GUESTDCTL_URL ?? "http://127.0.0.1:3000"}/v1`
const token = process.env.GUESTDCTL_TOKEN                    // only where api.token is set
const headers = { "Content-Type": "application/json" }
if (token) headers.Authorization = `Bearer ${token}`
const questions = process.argv.slice(2)
if (questions.length === 0) questions.push("Where is my parcel?")

const awayMs = 1000 * (process.env.AWAY_S ?? 60)             // guestd may be away for so long
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Asks again while guestd is away or stops, so only for what may be repeated. */
async function reach(path, options, read) {
  let problem
  for (const until = Date.now() + awayMs; ; await pause(1000)) {
    try {
      const answer = await fetch(`${api}${path}`, options)
      if (answer.status !== 503) return await read(answer)
      problem = "it answers 503"
    } catch (error) {
      if (!(error instanceof TypeError)) throw error         // fetch's word for a lost connection
      problem = error.cause?.message || error.message
    }
    if (Date.now() >= until) throw new Error(`guestd is away: ${api}: ${problem}`)
  }
}

/** guestd knows a POST again by its key and does it once; a DELETE may be repeated as it is. */
function ask(method, path, body) {
  const key = { "Idempotency-Key": randomUUID() }
  const options = { method, headers: { ...headers, ...key }, body: body && JSON.stringify(body) }
  return reach(path, options, async answer => {
    const found = await answer.json()
    if (!answer.ok) throw new Error(`${found.code}: ${found.detail}`)
    return found
  })
}

/** Every event after seq `since`, until the guest session is over; a lost stream is resumed. */
async function* events(session, since) {
  for (;;) {
    const path = `/sessions/${session}/events?after=${since}`
    const options = { headers: { ...headers, Accept: "text/event-stream" } }
    const stream = await reach(path, options, answer => answer)
    if (!stream.ok) throw new Error(`no event stream: ${stream.status}`)
    try {
      for await (const { id, event, data } of blocks(stream.body)) {
        if (event === "over") return
        since = Number(id ?? since)
        if (data) yield JSON.parse(data)
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
    }
    await pause(1000)
  }
}

/** Server-sent events: blocks of `field: value` lines, each ended by an empty line. */
async function* blocks(body) {
  let text = ""
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const ready = (text + piece).split("\n\n")
    text = ready.pop()
    for (const block of ready) {
      yield Object.fromEntries(block.split("\n").map(line => line.split(/: ?(.*)/s)))
    }
  }
}

async function talk() {
  const { session_id: session } = await ask("POST", "/sessions?wait=live", {})
  const say = text => ask("POST", `/sessions/${session}/messages`, { text })
  const end = () => ask("DELETE", `/sessions/${session}`).catch(isOver)
  const next = () => (questions.length ? say(questions.shift()) : end())
  let quiet                                                  // the agent may say several things

  await next()
  for await (const event of events(session, 0)) {
    if (event.kind !== "message") continue
    const isOwn = event.direction === "Inbound"              // the platform's copy of what we said
    console.log(`${isOwn ? "me" : event.sender}: ${event.text}`)
    clearTimeout(quiet)
    if (!isOwn) quiet = setTimeout(() => next().catch(stop), 1500)
  }
  clearTimeout(quiet)
}

function isOver(error) {
  if (!error.message.startsWith("not_found")) throw error    // else the first DELETE has done it
}

function stop(error) {
  console.error(`talk.mjs: ${error.message}`)
  process.exit(1)
}

talk().catch(stop)
