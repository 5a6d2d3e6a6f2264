"""What the audit is told of a webhook: every try, with its number (AUDIT-1).

That is bounded: a webhook has at most `webhooks.attempts_max` tries, and while a receiver is away
its circuit is open and lets one of all its webhooks try from time to time."""

from __future__ import annotations

import orjson

from ..model.records import DeliveryRecord, OperationEvent
from ..observe.redaction import bare_url
from .payloads import PROMPTED

#: ASSIST-3's words, by what became of the delivery.
_ALIGNMENT = {"delivered": "SYNCED", "waiting": "PENDING", "dead": "FAILED"}


def outcome_fact(
    record: DeliveryRecord, took_s: float, answered: int | None = None
) -> OperationEvent:
    """`record` as it stands after the try, `took_s` what the try took, `answered` the status of a
    refusal."""
    delivered = record.status == "delivered"
    details = {
        "event": record.event,
        "target": bare_url(record.target) if "://" in record.target else record.target,
        "delivery_id": record.delivery_id,
        "attempt": record.attempts,
        "latency_ms": round(took_s * 1000.0, 3),
    }
    if not delivered:
        details |= {"final": record.status == "dead", "error_message": record.reason}
        details |= {"error_status": answered} if answered else {}
    if record.event == PROMPTED:
        details["alignmentStatus"] = _ALIGNMENT[record.status]
    action, status = ("webhook.delivered", "success") if delivered else ("webhook.failed", "failed")
    return OperationEvent(0, action, status, _operation_of(record), record.lane, details)


def _operation_of(record: DeliveryRecord) -> str:
    """ "" for what happened in a guest session."""
    try:
        return str(orjson.loads(record.body)["data"].get("operationId", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
