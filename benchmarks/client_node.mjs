// The same bare loop on Node.js with `ws`: compression off, receive and throw away.
import readline from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.env.WS_HOME + "/");
const WebSocket = require("ws");
const url = `ws://127.0.0.1:${process.argv[2]}/v1?deploymentId=d`;
const hello = '{"action":"configureSession","deploymentId":"d","token":"t","tracingId":"t1"}';
const sockets = [];
let received = 0;

function figures() {
  const used = process.cpuUsage();
  console.log(JSON.stringify({
    cpu_s: (used.user + used.system) / 1e6, rss_bytes: process.memoryUsage.rss(), received,
  }));
}

function openOne() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    socket.on("error", reject);
    socket.on("open", () => socket.send(hello));
    socket.once("message", () => {
      socket.on("message", () => { received += 1; });
      sockets.push(socket);
      resolve();
    });
  });
}

async function open(count) {
  for (let left = count; left > 0; left -= 100) {
    await Promise.all(Array.from({ length: Math.min(100, left) }, openOne));
  }
  if (global.gc) global.gc();
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.do === "open") await open(order.count);
  figures();
}
process.exit(0);
