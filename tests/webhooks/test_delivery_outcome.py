"""What the audit is told of a try of a webhook."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guestd.model.records import DeliveryRecord
from guestd.webhooks.delivery_outcome import outcome_fact

RECORD = DeliveryRecord("d1", "crm", "g1", "session.connected", b"{}")


@pytest.mark.parametrize(
    ("answered", "told"), [(503, {"error_status": 503}), (None, {})], ids=["answer", "none"]
)
def test_audit_1_a_failed_webhook_has_the_status_that_the_receiver_answered(answered, told):
    failed = replace(RECORD, status="waiting", attempts=1, reason="it was not taken")
    fact = outcome_fact(failed, 0.25, answered)
    errors = {name: one for name, one in fact.details.items() if name.startswith("error")}
    assert (fact.action, errors) == (
        "webhook.failed",
        {"error_message": "it was not taken", **told},
    )
