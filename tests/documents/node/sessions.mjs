// Opens a messaging session by REST, keeps it alive with heartbeats, ends it, tells a CRM of both.
import { randomBytes, randomUUID } from 'node:crypto';

const { PLATFORM, CLIENT_ID, CLIENT_SECRET, QUEUE, CRM } = process.env;
const DURATION_S = 10;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
let kept = { token: null, until: 0 };

async function token() {
  if (Date.now() < kept.until) return kept.token;
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
  const answer = await fetch(`${PLATFORM}/oauth/token`, { method: 'POST', body: form });
  if (!answer.ok) throw new Error(`token: ${answer.status}`);
  const data = await answer.json();
  kept = { token: data.access_token, until: Date.now() + data.expires_in * 1000 - 5000 };
  return kept.token;
}

async function call(method, path, body) {
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await fetch(`${PLATFORM}/api/v2/conversations/messaging${path}`, {
      method,
      headers: { Authorization: `Bearer ${await token()}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status !== 429) return { status: answer.status, body: await answer.json().catch(() => null) };
    await sleep(1000 * Number(answer.headers.get('retry-after') ?? 2 ** attempt));
  }
  throw new Error('rate limited three times');
}

async function tell(conversationId, state) {
  const begun = Date.now();
  await fetch(CRM, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ conversationId, state, timestamp: new Date().toISOString() }),
  });
  return Date.now() - begun;
}

async function main() {
  const id = randomUUID();
  const guestIdToken = `jwt_${randomBytes(16).toString('hex')}`;
  const opening = {
    id,
    from: { id: guestIdToken, name: 'Guest', type: 'user' },
    to: [{ id: QUEUE, type: 'queue' }],
    type: 'messaging',
    channelAddress: 'web',
    context: { locale: 'en-US', capabilities: ['typing-indicator', 'read-receipts', 'file-transfer'], userAgent: 'doc/1' },
    metadata: { sessionDurationLimit: DURATION_S, guestIdToken, initiatedAt: new Date().toISOString() },
  };
  const opened = await call('POST', '', opening);
  const latencies = [await tell(id, 'connected')];
  const beats = [];
  for (let n = 0; n < 3; n++) {
    await sleep(Math.min(30_000, (DURATION_S * 1000) / 10));
    const context = { lastActivityTimestamp: new Date().toISOString(), heartbeatSequence: Date.now() };
    beats.push((await call('PATCH', `/${id}`, { context })).status);
  }
  const ended = await call('PATCH', `/${id}`, { status: 'disconnected' });
  latencies.push(await tell(id, 'terminated'));
  const late = { lastActivityTimestamp: new Date().toISOString(), heartbeatSequence: Date.now() };
  const afterwards = await call('PATCH', `/${id}`, { context: late });
  const bad = structuredClone({ ...opening, id: randomUUID() });
  bad.context.capabilities = ['read-receipts'];
  const refused = await call('POST', '', bad);
  return {
    id,
    opened: opened.status,
    beats,
    ended: ended.status,
    afterwards: afterwards.status,
    refused: refused.status,
    toldTimes: latencies.length,
  };
}

console.log(JSON.stringify(await main()));
