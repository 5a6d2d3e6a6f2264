// Makes a guest: the queue is looked up, a token signed, a contact registered, a conversation opened, a CRM told.
import { appendFileSync } from 'node:fs';
import { createSign, createVerify, generateKeyPairSync, randomUUID } from 'node:crypto';

const { PLATFORM, CLIENT_ID, CLIENT_SECRET, QUEUE, CRM, AUDIT_FILE } = process.env;
const KEY_ID = 'webchat-guest-key-v1';
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const encoded = value => Buffer.from(JSON.stringify(value)).toString('base64url');

async function bearer() {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
  const answer = await fetch(`${PLATFORM}/api/v2/oauth/token`, { method: 'POST', body: form });
  if (!answer.ok) throw new Error(`token: ${answer.status}`);
  return (await answer.json()).access_token;
}

function guestToken(guestId, metadata) {
  const now = Math.floor(Date.now() / 1000);
  const content = `${encoded({ alg: 'RS256', kid: KEY_ID })}.${encoded({ guestId, ...metadata, iat: now, exp: now + 300 })}`;
  const signature = createSign('RSA-SHA256').update(content).sign(keys.privateKey);
  if (!createVerify('RSA-SHA256').update(content).verify(keys.publicKey, signature)) throw new Error('signature');
  return `${content}.${signature.toString('base64url')}`;
}

async function call(method, path, token, body, key) {
  const answer = await fetch(`${PLATFORM}/api/v2${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      ...(key && { 'Idempotency-Key': key }),
    },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

async function create(guestId, attributes, key, signed = guestToken(guestId, attributes)) {
  const begun = Date.now();
  const token = await bearer();
  const queue = await call('GET', `/routing/queues/${QUEUE}`, token);
  if (queue.status !== 200) throw new Error('no such queue');
  const address = `guest-${guestId}`;
  const contact = await call('POST', '/externalcontacts/contacts', token, {
    type: 'webchat',
    address,
    externalContactId: guestId,
    customAttributes: { guestToken: signed, ...attributes },
  }, `${key}-contact`);
  const conversation = await call('POST', '/conversations/messaging', token, {
    contactId: address,
    routingData: { queueId: QUEUE, skillRequirements: [] },
    customAttributes: { sessionToken: signed, routingTarget: QUEUE },
  }, `${key}-conversation`);
  const made = { contactId: contact.body.id, conversationId: conversation.body.id };
  const latencyMs = Date.now() - begun;
  appendFileSync(AUDIT_FILE, `${JSON.stringify({ guestId, action: 'session.create', status: 'success', latencyMs })}\n`);
  await fetch(CRM, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ event: 'webchat.session.created', data: { ...made, initializationLatencyMs: latencyMs } }),
    signal: AbortSignal.timeout(30_000),
  });
  return { statuses: [contact.status, conversation.status], ...made };
}

const attributes = { source: 'web-portal', tier: 1, vip: true };
const key = `webchat-session-${randomUUID()}`;
const signed = guestToken('user-8842', attributes);
const first = await create('user-8842', attributes, key, signed);
const again = await create('user-8842', attributes, key, signed); // as after a lost answer
const second = await create('user-8842', attributes, `webchat-session-${randomUUID()}`);
console.log(JSON.stringify({ first, again, second }));
