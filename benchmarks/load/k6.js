// The same guests for k6, one virtual user each.
import { WebSocket } from "k6/experimental/websockets";
import { Counter } from "k6/metrics";

const shape = JSON.parse(__ENV.SHAPE);
const received = new Counter("received");

export const options = {
  scenarios: {
    talk: {
      executor: "ramping-vus",
      startVUs: 0,
      stages: [
        { duration: shape.ramp_s + "s", target: shape.guests },
        { duration: "1h", target: shape.guests },
      ],
      gracefulStop: "0s",
    },
  },
};

export default function talk() {
  const socket = new WebSocket(__ENV.URL);
  const token = crypto.randomUUID();
  let said = 0;
  const request = (action, more) => socket.send(JSON.stringify({
    action, token, tracingId: crypto.randomUUID(), ...more,
  }));
  const say = () => {
    request("onMessage", { message: { type: "Text", text: "hello" } });
    said += 1;
    if (said < shape.messages) setTimeout(say, shape.every_s * 1000);
  };
  socket.onopen = () => request("configureSession", { deploymentId: shape.deployment });
  socket.onmessage = (event) => {
    const frame = JSON.parse(event.data);
    if (frame.class === "SessionResponse") setTimeout(say, shape.quiet_s * 1000);
    else if (frame.class === "StructuredMessage") received.add(1);
  };
}
