"""The legacy webchat dialect: the WebSocket at `/webchat/v1`."""
