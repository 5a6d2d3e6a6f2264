// Injects messages into a running interaction, checks what came back, tells a case system, keeps an audit file.
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';

const { PLATFORM, CLIENT_ID, CLIENT_SECRET, CONVERSATION, CRM, AUDIT_FILE } = process.env;
const TEXT_MAX = 4096;
const ATTEMPTS = 3;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function token() {
  const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64');
  const answer = await fetch(`${PLATFORM}/login/oauth2/v2/token?grant_type=client_credentials`, {
    method: 'POST',
    headers: { Authorization: `Basic ${basic}`, 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  if (!answer.ok) throw new Error(`token: ${answer.status}`);
  return (await answer.json()).access_token;
}

function payload(messages) {
  const checked = messages.map((one, index) => {
    const content = one.type === 'html' ? one.html : one.text;
    if (!['agent', 'customer', 'bot', 'system'].includes(one.from)) throw new Error(`message ${index}: sender`);
    if (!content || content.length > TEXT_MAX) throw new Error(`message ${index}: length`);
    return { ...one, timestamp: one.timestamp ?? new Date().toISOString() };
  });
  return { interactionId: CONVERSATION, idempotencyKey: randomUUID(), messages: checked };
}

async function inject(body, bearer) {
  for (let attempt = 1; ; attempt++) {
    const begun = performance.now();
    const answer = await fetch(`${PLATFORM}/api/v2/interactions/chat/inject`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${bearer}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': body.idempotencyKey,
      },
      body: JSON.stringify(body),
    });
    const latencyMs = performance.now() - begun;
    if (answer.status === 429 && attempt < ATTEMPTS) {
      await sleep(1000 * Number(answer.headers.get('retry-after') ?? 2 ** attempt));
      continue;
    }
    const data = await answer.json();
    if (!answer.ok) throw new Error(`${answer.status}: ${data.errors?.[0]?.message ?? 'no message'}`);
    return { status: answer.status, latencyMs, data };
  }
}

function verified(data, sent) {
  if (!Array.isArray(data)) throw new Error('the answer is not a list');
  for (let i = 1; i < data.length; i++) {
    if (new Date(data[i].timestamp) <= new Date(data[i - 1].timestamp)) throw new Error(`order of times at ${i}`);
    if (data[i].id.localeCompare(data[i - 1].id, undefined, { numeric: true }) <= 0) throw new Error(`ids at ${i}`);
  }
  for (const media of data.flatMap(one => one.media ?? [])) {
    if (!media.name || !media.url.startsWith('https://')) throw new Error('media');
  }
  return { messageCount: data.length, sequenceMatch: data.length === sent.length, lastMessageId: data.at(-1).id };
}

async function main() {
  const bearer = await token();
  const state = await fetch(`${PLATFORM}/api/v2/interactions/chat/${CONVERSATION}`, {
    headers: { Authorization: `Bearer ${bearer}` },
  });
  const before = (await state.json()).state;
  const now = Date.now();
  const messages = [
    { type: 'text', from: 'agent', text: 'Your case is open.', timestamp: new Date(now).toISOString() },
    { type: 'html', from: 'system', html: '<b>Case</b> 4711', timestamp: new Date(now + 100).toISOString() },
  ];
  const body = payload(messages);
  const first = await inject(body, bearer);
  const again = await inject(body, bearer); // as after a lost answer: the same key, so the same messages
  const entry = {
    timestamp: new Date().toISOString(),
    interactionId: CONVERSATION,
    idempotencyKey: body.idempotencyKey,
    latencyMs: first.latencyMs,
    status: first.status,
    ...verified(first.data, messages),
  };
  appendFileSync(AUDIT_FILE, `${JSON.stringify(entry)}\n`);
  await fetch(CRM, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ event: 'chat.injection.completed', data: entry }),
    signal: AbortSignal.timeout(30_000),
  });
  const refused = await inject(payload([{ type: 'text', from: 'agent', text: 'x' }]), 'not-a-token').catch(String);
  return { before, ids: first.data.map(one => one.id), idsAgain: again.data.map(one => one.id), entry, refused };
}

console.log(JSON.stringify(await main()));
