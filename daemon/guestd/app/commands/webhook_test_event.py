"""`guestd webhooks test`: one signed event to each configured target, and what came of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path

import orjson

from ...model.errors import ConfigError
from ...model.records import DeliveryRecord
from ...model.times import iso_of_ms
from ...observe.redaction import bare_url
from ...observe.terminal_text import json_line, one_line
from ...webhooks.delivery_client import DeliveryClient, DeliveryOutcome, DeliveryTarget
from ...webhooks.payloads import TEST
from ...webhooks.settings import WebhookSettings, WebhookTarget, bytes_of
from ...webhooks.ssrf_guard import SsrfGuard
from ..load_config import load_config
from ..webhook_settings import webhook_settings


def send_test(config: Path | None, target: str | None, as_json: bool) -> bool:
    """To this target, or to all; prints what each answered, and says whether all took it."""
    settings = webhook_settings(load_config(config, os.environ), os.environ)
    found = asyncio.run(_send(settings, _wanted(settings, target, config)))
    for one, outcome, took_ms in found:
        print(_line(one, outcome, took_ms, as_json))
    return not any(outcome.reason for _, outcome, _ in found)


def _wanted(
    settings: WebhookSettings, name: str | None, config: Path | None
) -> list[WebhookTarget]:
    """Raises ConfigError."""
    found = [one for one in settings.targets if name is None or one.name == name]
    if found:
        return found
    where = config or "the configuration"
    if name is None:
        raise ConfigError(
            "webhooks.targets", f"there is none in {where}", "name the configuration with -c"
        )
    names = ", ".join(one.name for one in settings.targets) or "none"
    raise ConfigError("--target", f"{name!r} is not in {where}", f"its targets are: {names}")


async def _send(
    settings: WebhookSettings, targets: list[WebhookTarget]
) -> list[tuple[WebhookTarget, DeliveryOutcome, float]]:
    client = DeliveryClient(settings.ca_file)
    try:
        return [(one, *await _deliver(client, settings, one)) for one in targets]
    finally:
        await client.close()


async def _deliver(
    client: DeliveryClient, settings: WebhookSettings, target: WebhookTarget
) -> tuple[DeliveryOutcome, float]:
    """What came of it, and how many milliseconds it took."""
    at_ms = time.time_ns() // 1_000_000
    delivery_id = f"test-{secrets.token_hex(6)}-{target.name}"
    data = {"target": target.name, "message": "guestd webhooks test"}
    body = {"id": delivery_id, "event": TEST, "timestamp": iso_of_ms(at_ms), "data": data}
    record = DeliveryRecord(
        delivery_id, target.name, "test", TEST, orjson.dumps(body), created_ms=at_ms, due_ms=at_ms
    )
    to = DeliveryTarget(
        target.url,
        bytes_of(target.secrets),
        target.time_out_s or settings.time_out_s,
        SsrfGuard(target.allow_internal),
    )
    began = time.monotonic()
    outcome = await client.deliver(record, to, at_ms // 1000)
    return outcome, round((time.monotonic() - began) * 1000.0, 1)


def _line(one: WebhookTarget, outcome: DeliveryOutcome, took_ms: float, as_json: bool) -> str:
    host = bare_url(one.url)
    if as_json:
        found = {"target": one.name, "host": host, "delivered": not outcome.reason}
        found |= {"reason": outcome.reason} if outcome.reason else {}
        return json_line({**found, "took_ms": took_ms})
    said = f"failed: {outcome.reason}" if outcome.reason else "delivered"
    return one_line(f"{one.name}  {host}  {said}  {took_ms:g} ms")
