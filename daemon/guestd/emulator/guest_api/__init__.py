"""The guest API: the WebSocket at `/v1`, and what guests ask for on it."""
