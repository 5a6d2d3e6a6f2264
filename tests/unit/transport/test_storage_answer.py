"""What is told of a storage's refusal, and what is kept back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from guestd.transport.storage_answer import storage_refusal

URL = "https://storage.example/put/x?X-Amz-Signature=deadbeef0123&sv=1"
SENT = {"Content-Type": "text/plain", "x-amz-security-token": "STOKEN12345678"}


def test_audit_1_what_the_storage_repeats_of_the_request_is_not_told():
    """Of the URL and of the headers that came with it, also where a cut would go through it."""
    words = f"{'p' * 285} STOKEN12345678 deadbeef0123 text/plain"
    said = f"<Error><Code>Bad</Code><Message>{words}</Message></Error>".encode()
    told = str(storage_refusal(400, {}, said, URL, SENT))
    short = str(storage_refusal(400, {}, said.replace(b"p" * 285, b""), URL, SENT))
    assert "STOK" not in told + short and "deadbeef" not in told + short
    assert "text/plain" in short


def test_http_1_the_storages_date_is_obeyed_without_its_own_clock():
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    refused = storage_refusal(503, {"retry-after": until}, b"", URL, SENT)
    assert refused.retry_after_s is not None and 500.0 < refused.retry_after_s <= 600.0


def test_audit_1_a_request_id_that_repeats_a_secret_is_not_told():
    said = b"<Error><Code>A</Code><RequestId>deadbeef0123</RequestId></Error>"
    headers = {"x-amz-request-id": "STOKEN12345678", "x-request-id": "R1"}
    assert storage_refusal(400, headers, said, URL, SENT).correlation_id == "R1"
    assert storage_refusal(400, {}, said, URL, SENT).correlation_id == ""
