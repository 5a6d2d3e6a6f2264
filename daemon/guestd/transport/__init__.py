"""The WebSocket to the platform: dialing, and one small object per open link."""

from .dialer import WebsocketDialer
from .settings import TransportSettings

__all__ = ["TransportSettings", "WebsocketDialer"]
