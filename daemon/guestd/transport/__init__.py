"""The WebSocket to the platform: dialing, and one small object per open connection."""
