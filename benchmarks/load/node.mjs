// The guests of benchmarks/load.py on bare sockets of `ws`: nothing is measured, put in order, or
// connected again. WS_HOME names the folder in which `ws` is installed.
// node node.mjs URL '{"guests": …, "per_second": …, "quiet_s": …, "messages": …, "every_s": …}'
import { createRequire } from "node:module";

const WebSocket = createRequire(process.env.WS_HOME + "/")("ws");
const url = process.argv[2];
const shape = JSON.parse(process.argv[3]);
const deploymentId = new URL(url).searchParams.get("deploymentId");
let sent = 0, received = 0;

function say(socket) {
  socket.send(JSON.stringify({
    action: "onMessage", token: socket.token, tracingId: crypto.randomUUID(),
    message: { type: "Text", text: "hello" },
  }));
  sent += 1;
  socket.said += 1;
  if (socket.said < shape.messages) setTimeout(say, shape.every_s * 1000, socket);
}

function open() {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.token = crypto.randomUUID();
  socket.said = 0;
  socket.on("open", () => socket.send(JSON.stringify({
    action: "configureSession", deploymentId, token: socket.token, tracingId: crypto.randomUUID(),
  })));
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    if (frame.class === "SessionResponse") setTimeout(say, shape.quiet_s * 1000, socket);
    else if (frame.class === "StructuredMessage") received += 1;
  });
}

process.on("SIGINT", () => {
  console.log(JSON.stringify({ sent, received }));
  process.exit(0);
});
const begun = Date.now();
for (let n = 0; n < shape.guests; n += 1) {
  const wait = begun + (n / shape.per_second) * 1000 - Date.now();
  if (wait > 0) await new Promise((done) => { setTimeout(done, wait); });
  open();
}
