"""The `webmessaging` dialect: the real platform's Web Messaging Guest API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .. import __version__
from ..model.client_messages import ClientMessage
from ..model.custom_attributes import too_large
from ..model.ids import Guest
from ..model.signals import Signal
from ..model.text_length import BYTES, utf8_bytes
from ..model.traits import Beating, Ordering, Traits
from . import webmessaging_decode, webmessaging_encode

TRAITS = Traits(
    name="webmessaging",
    ordering=Ordering.BY_TIME,
    beating=Beating.ECHO,
    has_history=True,
    confirms=True,
    has_goodbye=True,
    has_context=False,
    deployment_required=True,
    reconnect_codes=frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1014}),
    messages_per_s=5.0,
    requests_per_minute=60,
    text_max=4096,
    text_unit=BYTES,
    text_length=utf8_bytes,
)


class WebMessaging:
    """Speaks for one deployment; `application` names the client to the platform (protocol
    §1.1)."""

    traits = TRAITS

    def __init__(self, deployment_id: str, application: str = f"guestd-{__version__}") -> None:
        self._deployment_id = deployment_id
        self._application = application

    def url(self, base: str) -> str:
        deployment = quote(self._deployment_id, safe="")
        application = quote(self._application, safe="")
        return f"{base.rstrip('/')}/v1?deploymentId={deployment}&application={application}"

    def check_guest(self, guest: Guest) -> None:
        """An anonymous guest needs nothing but a token; its attributes go with its messages."""
        large = too_large(guest.attributes, self.traits.attribute_bytes_max, "attributes")
        if large is not None:
            raise large

    def encode(self, guest: Guest, request: ClientMessage) -> bytes | None:
        return webmessaging_encode.encode(self._deployment_id, guest.token, request)

    decode = staticmethod(webmessaging_decode.decode)

    def decode_history(self, entity: dict[str, Any]) -> list[Signal]:
        return webmessaging_decode.decode_history(entity)
