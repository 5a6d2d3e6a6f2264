// The same guests as messages.yml on bare sockets: no measuring, no order, nobody reconnects.
// node --experimental-websocket guests.mjs URL GUESTS SECONDS PER_SECOND
const [url, guests, seconds, perSecond] = process.argv.slice(2);
let sent = 0, received = 0;
const sockets = [];

function say(socket) {
  socket.send(JSON.stringify({
    action: "onMessage", token: socket.token, tracingId: crypto.randomUUID(),
    message: { type: "Text", text: "hello" },
  }));
  sent += 1;
}

function open() {
  const socket = new WebSocket(url);
  socket.token = crypto.randomUUID();
  const deploymentId = new URL(url).searchParams.get("deploymentId");
  socket.onopen = () => socket.send(JSON.stringify({
    action: "configureSession", deploymentId, token: socket.token, tracingId: crypto.randomUUID(),
  }));
  socket.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    if (frame.class === "SessionResponse") {
      say(socket);
      socket.timer = setInterval(say, 5000, socket);
    } else if (frame.class === "StructuredMessage") {
      received += 1;
    }
  };
  sockets.push(socket);
}

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
const begun = Date.now();
while (sockets.length < Number(guests)) {
  open();
  await pause(Math.max(0, begun + (sockets.length / Number(perSecond)) * 1000 - Date.now()));
}
await pause(Math.max(0, begun + Number(seconds) * 1000 - Date.now()));
const used = process.cpuUsage();
console.log(JSON.stringify({
  guests: sockets.length, messages: sent + received, cpu_s: (used.user + used.system) / 1e6,
  rss_bytes: process.memoryUsage.rss(),
}));
process.exit(0);
