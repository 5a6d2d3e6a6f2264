"""What people and frontends touch: the simulator's WebSocket, health and metrics, on one HTTP
port."""
