// A frontend on the simulator: the three actions, and an error that leaves the socket open.
const { SIMULATOR } = process.env;

const seen = [];
const waiting = new Set();
const socket = new WebSocket(SIMULATOR);
socket.addEventListener('message', event => {
  seen.push(JSON.parse(event.data));
  for (const check of waiting) check();
});

function until(done) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`did not come: ${done}: ${JSON.stringify(seen)}`)), 60_000);
    const check = () => {
      if (!seen.some(done)) return;
      clearTimeout(timer);
      waiting.delete(check);
      resolve();
    };
    waiting.add(check);
    check();
  });
}

const send = frame => socket.send(JSON.stringify(frame));
const heard = text => one => one.kind === 'message' && one.direction === 'Outbound' && one.text === text;

// As the document's frontend does: it speaks as soon as the socket is open.
await new Promise(resolve => socket.addEventListener('open', resolve));
send({ action: 'send', text: 'first' });
await until(heard('first'));
send({ action: 'context', data: { uiState: 'checkout', cartValue: 149.99 } });
send({ action: 'upload', filename: 'a.png', contentType: 'image/png', buffer: Buffer.from('png'), caption: 'a file' });
await until(heard('a file'));
send({ action: 'send', text: 'x'.repeat(4097) });
await until(one => 'error' in one);
send({ action: 'send', text: 'last' });
await until(heard('last'));
socket.close();
const errors = seen.filter(one => 'error' in one);
const texts = seen.filter(one => one.kind === 'message' && one.direction === 'Outbound').map(one => one.text);
console.log(JSON.stringify({ errors, texts }));
