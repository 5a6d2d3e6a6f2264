"""What a command says, without its id: what the journal keeps of it as its intent, and a digest by
which the same id with other content is noticed.

Only the digest is remembered in memory, eight bytes for whatever length; the journal has the whole
intent, so that a digest can be made of it again after a restart, or when the id was forgotten here.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, assert_never

import orjson

from ..model.commands import (
    Attach,
    Command,
    Context,
    End,
    RenewDownloadLink,
    Reply,
    Send,
    Typing,
    Withdraw,
)

#: In an intent, but not the caller's words: our tracing id, and where our copy of a file is.
_OURS = frozenset({"trace", "path"})

_DIGEST_BYTES = 8

#: Of a command whose content is not known: it is taken for the same.
NO_DIGEST = 0


def content_of(command: Command) -> dict[str, Any]:
    match command:
        case Send():
            return {"action": "send", "text": command.text, "attributes": command.attributes}
        case Reply():
            return {
                "action": "reply",
                "type": command.reply_type,
                "choices": command.choices,
                "in_reply_to": command.originating_message_id,
                "attributes": None,
            }
        case Attach():
            return {
                "action": "attach",
                "filename": command.filename,
                "content_type": command.content_type,
                "size_bytes": command.size_bytes,
                "sha256": command.sha256,
                "text": command.caption,
                "attributes": None,
            }
        case Context():
            return {"action": "context", "context": command.context}
        case Withdraw():
            return {"action": "withdraw", "target": command.target}
        case Typing():
            return {"action": "typing"}
        case RenewDownloadLink():
            return {"action": "link", "attachment_id": command.attachment_id}
        case End():
            return {"action": "end"}
        case _:
            assert_never(command)


def digest_of(command: Command) -> int:
    return digest_of_content(content_of(command))


def digest_of_intent(intent: Mapping[str, Any]) -> int:
    """NO_DIGEST if it does not tell the content: it was not kept, or a version wrote it that did
    not keep a file's own digest."""
    if not intent or (intent.get("action") == "attach" and "sha256" not in intent):
        return NO_DIGEST
    return digest_of_content({key: value for key, value in intent.items() if key not in _OURS})


def digest_of_content(content: Mapping[str, Any]) -> int:
    """Of what `content_of` makes; never NO_DIGEST. The order of an object's keys says nothing."""
    encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(encoded, digest_size=_DIGEST_BYTES).digest()) or 1
