"""The dialects by name. A third one needs its own module and a row in these two tables."""

from __future__ import annotations

from collections.abc import Callable

from ..model.traits import Traits
from . import webchat, webmessaging
from .dialect import Dialect

TRAITS: dict[str, Traits] = {one.name: one for one in (webmessaging.TRAITS, webchat.TRAITS)}

_NEW: dict[str, Callable[[str, str], Dialect]] = {
    "webmessaging": webmessaging.WebMessaging,
    "webchat": lambda deployment_id, application: webchat.Webchat(),
}


def new_dialect(name: str, deployment_id: str, application: str) -> Dialect:
    return _NEW[name](deployment_id, application)
