// A guest on the legacy web chat socket: connect, context, messages in order, a file, and back after a lost connection.
const { PLATFORM, CLIENT_ID, CLIENT_SECRET } = process.env;
const TYPES = ['image/png', 'image/jpeg', 'application/pdf'];
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const inOrder = (a, b) => a.localeCompare(b, undefined, { numeric: true });

class Guest {
  messages = new Map();
  seen = { typing: [], receipts: 0, acknowledged: 0, other: [], reconnectDelaysMs: [] };
  tries = 0;
  waiting = [];

  open() {
    this.socket = new WebSocket(`${PLATFORM.replace('http', 'ws')}/webchat/v1`);
    this.socket.addEventListener('open', () => this.send({
      type: 'connect',
      guestInfo: { name: 'Test Guest', email: 'guest@example.com' },
      metadata: { sessionId: 'sim-001' },
    }));
    this.socket.addEventListener('message', event => this.take(event.data));
    this.socket.addEventListener('close', () => this.comeBack());
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  take(text) {
    const event = JSON.parse(text);
    if (event.type === 'connect') {
      this.tries = 0; // only now: an open socket is not an accepted guest yet
      this.seen.acknowledged++;
    } else if (event.type === 'typing') this.seen.typing.push(event.state);
    else if (event.type === 'readReceipt') this.seen.receipts++;
    else if (event.type === 'message') this.messages.set(event.sequenceId, event);
    else this.seen.other.push(event);
    this.waiting = this.waiting.filter(one => !one());
  }

  comeBack() {
    if (this.isOver || this.tries >= 10) return;
    const delay = Math.min(1000 * 2 ** this.tries++ + Math.random() * 1000, 30_000);
    this.seen.reconnectDelaysMs.push(delay);
    setTimeout(() => this.open(), delay);
  }

  until(done) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`did not come: ${done}`)), 60_000);
      const check = () => done() && (clearTimeout(timer), resolve(), true);
      if (!check()) this.waiting.push(check);
    });
  }

  texts() {
    return [...this.messages.values()].sort((a, b) => inOrder(a.sequenceId, b.sequenceId)).map(one => one.text);
  }
}

async function token() {
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
  return (await (await fetch(`${PLATFORM}/oauth/token`, { method: 'POST', body: form })).json()).access_token;
}

async function upload(name, type, bytes) {
  if (!TYPES.includes(type)) throw new Error(`content type ${type}`);
  const asked = await fetch(`${PLATFORM}/api/v2/webchat/attachments/generate-presigned-url`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await token()}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ filename: name, contentType: type, size: bytes.length }),
  });
  const { uploadUrl, metadata } = await asked.json();
  const put = await fetch(uploadUrl, { method: 'PUT', headers: { 'Content-Type': type }, body: bytes });
  if (!put.ok) throw new Error(`upload: ${put.status}`);
  return metadata;
}

async function main() {
  const guest = new Guest();
  guest.open();
  await guest.until(() => guest.seen.acknowledged === 1);
  guest.send({ type: 'setContext', context: { uiState: 'checkout', cartValue: 149.99, preferredLanguage: 'en' } });
  guest.send({ type: 'message', text: 'one' });
  await guest.until(() => guest.texts().includes('one'));
  const metadata = await upload('parcel.png', 'image/png', Buffer.from('89504e470d0a1a0a', 'hex'));
  guest.send({ type: 'message', text: 'a photo', attachments: [metadata] });
  await guest.until(() => guest.texts().includes('a photo'));
  await fetch(`${PLATFORM}/__emulator/drop`, { method: 'POST', body: '{"all": true}' });
  await guest.until(() => guest.seen.acknowledged === 2);
  guest.send({ type: 'message', text: 'two' });
  await guest.until(() => guest.texts().includes('two'));
  for (let n = 0; n < 12; n++) guest.send({ type: 'message', text: `quick ${n}` });
  await guest.until(() => guest.seen.other.length > 0);
  await sleep(500);
  guest.isOver = true;
  guest.socket.close();
  return { texts: guest.texts(), seen: guest.seen };
}

console.log(JSON.stringify(await main()));
