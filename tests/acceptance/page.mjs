// A page as a frontend developer writes it: it speaks at once on open, and leaves when the platform
// has confirmed what it said. Beside those who speak come a tenth as many who only look.
const { SIMULATOR, PAGES = '1', AT_ONCE = '20' } = process.env;
const speakers = Number(PAGES), visitors = speakers * 1.1;

function page(number) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${SIMULATOR}?guest=page-${number}`);
    const send = frame => socket.send(JSON.stringify(frame));
    socket.onopen = () => {
      if (number >= speakers) socket.close();
      else send({ action: 'send', text: `hello from page ${number}` });
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.error) reject(new Error(`page ${number}: ${data}`));
      if (event.kind === 'delivery' && event.status === 'confirmed') send({ action: 'end' });
    };
    socket.onclose = ({ code }) => {
      if (code === 1000 || code === 1005) resolve();
      else reject(new Error(`page ${number} was closed with ${code}`));
    };
  });
}

let next = 0;
async function visitor() {
  while (next < visitors) await page(next++);
}
await Promise.all(Array.from({ length: Number(AT_ONCE) }, visitor));
console.log(`${speakers} pages were heard`);
