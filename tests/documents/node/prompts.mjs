// Shows prompts to an agent, waits where his screen is full, and reads how they were taken.
import { randomUUID } from 'node:crypto';

const { PLATFORM, CLIENT_ID, CLIENT_SECRET, CONVERSATION, CRM } = process.env;
const AUTO_DISMISS_MS = 10_000;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function token(scope) {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    scope,
  });
  const answer = await fetch(`${PLATFORM}/oauth/token`, { method: 'POST', body: form });
  if (!answer.ok) throw new Error(`token: ${answer.status}`);
  return (await answer.json()).access_token;
}

async function post(path, bearer, body) {
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await fetch(`${PLATFORM}${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (answer.status !== 429) return { status: answer.status, body: await answer.json() };
    const seconds = Number(answer.headers.get('retry-after') ?? 1);
    await sleep(Math.min(seconds * 1000 * 2 ** attempt, 10_000));
  }
  throw new Error('rate limited three times');
}

function prompt(promptId) {
  return {
    conversationId: CONVERSATION,
    promptId,
    triggerConditions: [
      { type: 'keyword', value: 'refund' },
      { type: 'sentiment', value: 'negative', threshold: 0.7 },
    ],
    displaySettings: { delayMs: 500, maxConcurrentPrompts: 1, autoDismissMs: AUTO_DISMISS_MS },
    contextData: { queue: 'billing' },
  };
}

async function show(promptId, bearer) {
  const audit = { auditId: randomUUID(), promptId, status: 'PENDING', complianceTag: 'AGENT_ASSIST_INJECTION' };
  const begun = Date.now();
  const answer = await post('/api/v2/agent-assist/prompt-injections', bearer, prompt(promptId));
  const isShown = answer.status >= 200 && answer.status < 300;
  Object.assign(audit, { status: isShown ? 'SUCCESS' : 'FAILED', latencyMs: Date.now() - begun, code: answer.status });
  if (isShown) {
    const told = { eventType: 'AGENT_ASSIST_PROMPT_INJECTED', injectionId: answer.body.id, latencyMs: audit.latencyMs };
    await fetch(CRM, { method: 'POST', body: JSON.stringify(told), signal: AbortSignal.timeout(30_000) });
  }
  return audit;
}

async function adoption(bearer) {
  const events = [];
  let pageToken;
  do {
    const { body } = await post('/api/v2/analytics/events/query', bearer, {
      interval: '2020-01-01T00:00:00Z/2100-01-01T00:00:00Z',
      metricNames: ['viewed', 'clicked', 'dismissed'].map(one => `agent-assist.prompt.${one}`),
      pageSize: 1,
      pageToken,
      entityIds: ['all'],
    });
    events.push(...(body.events ?? []));
    pageToken = body.pageToken;
  } while (pageToken);
  return events.map(one => one.metricName.split('.').at(-1));
}

async function main() {
  const bearer = await token('agent-assist:prompt:write analytics:events:read');
  const audits = [await show(randomUUID(), bearer), await show(randomUUID(), bearer)];
  await sleep(AUTO_DISMISS_MS + 1000);
  audits.push(await show(randomUUID(), bearer));
  const narrow = await token('analytics:events:read');
  const refused = await post('/api/v2/agent-assist/prompt-injections', narrow, prompt(randomUUID()));
  return { audits, events: await adoption(bearer), refused: refused.status };
}

console.log(JSON.stringify(await main()));
