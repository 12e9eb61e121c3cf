"""Web chat: the conversation in a browser, over a WebSocket of the gateway."""
