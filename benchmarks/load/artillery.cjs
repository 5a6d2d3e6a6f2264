// What artillery.yml cannot say: a guest's token, and what is done with the frames that arrive.
function become(context, events, done) {
  context.vars.token = crypto.randomUUID();
  done();
}

// As Artillery's own handler of an answer: parsed and counted.
function listen(context, events, done) {
  context.ws.onmessage = (event) => {
    JSON.parse(event.data);
    events.emit("counter", "websocket.messages_received", 1);
  };
  done();
}

module.exports = { become, listen };
