"""The simulator's frames as models, for those who read about them: the AsyncAPI document and
docs/reference/frames.md are written from here.

`frames.py` reads what frontends send without them: a frame costs a few microseconds there, and a
mistake is answered in words. Tests compare the two: the fields that are read, and every frame of
real conversations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..model.ids import COMMAND_ID_CHARS_MAX

WhenDownChoice = Annotated[
    Literal["queue", "reject", ""],
    Field(
        description="What is to become of it while a lost connection is not back: wait, or be"
        " refused with not_ready. Empty or left out: that of the socket's address, else"
        " messages.when_down."
    ),
]


class FrontendFrame(BaseModel):
    """What a frontend may send. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    command_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=COMMAND_ID_CHARS_MAX,
        description="Yours: success is then answered too, and the same id with the same content"
        " gets the same answer again.",
    )


class SendTextFrame(FrontendFrame):
    """A message of the guest's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"action": "send", "text": "Where is my parcel?", "command_id": "c1"}]
        }
    )
    action: Literal["send"]
    text: str = Field(description="What to say; the platform's limit is 4096 bytes.")
    when_down: WhenDownChoice = ""


class ReplyFrame(FrontendFrame):
    """A choice from what the agent offered."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"action": "reply", "type": "QuickReply", "text": "Track", "payload": "TRACK"}
            ]
        }
    )
    action: Literal["reply"]
    type: Literal["Button", "DatePicker", "Form", "ListPicker", "QuickReply"] = Field(
        default="QuickReply", description="What was offered."
    )
    text: str = Field(description="The label of what is chosen.")
    payload: str = Field(description="Its payload.")
    in_reply_to: str = Field(default="", description="The id of the message answered.")
    when_down: WhenDownChoice = ""


class ContextFrame(FrontendFrame):
    """The frontend's state: custom attributes, or the context frame of webchat."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "context", "data": {"page": "/cart"}}]}
    )
    action: Literal["context"]
    data: dict[str, Any] = Field(description="Any JSON object; 2048 bytes in webmessaging.")


class TypingFrame(FrontendFrame):
    """The guest is typing; passed on at most once in five seconds."""

    action: Literal["typing"]


class EndFrame(FrontendFrame):
    """End the conversation; the platform is told first."""

    action: Literal["end"]


class ResumeAfterFrame(FrontendFrame):
    """Show again what happened after a seq; replaces a running replay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "resume", "since": 12}]})
    action: Literal["resume"]
    since: int = Field(ge=0, le=2**53 - 1, description="The last seq you have.")


class NodeBuffer(BaseModel):
    """The JSON form of a Node.js Buffer."""

    type: Literal["Buffer"]
    data: list[Annotated[int, Field(ge=0, le=255)]]


class UploadFileFrame(FrontendFrame):
    """A file; larger ones go over HTTP."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "action": "upload",
                    "command_id": "file-1",
                    "filename": "a.txt",
                    "contentType": "text/plain",
                    "buffer": "SGVsbG8=",
                }
            ]
        }
    )
    action: Literal["upload"]
    filename: str = Field(description="A plain name with an extension.")
    contentType: str = Field(description="Its media type.")
    buffer: str | NodeBuffer = Field(description="The bytes in base64, or as a Node.js Buffer.")
    caption: str | None = Field(default=None, description="The text of the message that has it.")
    when_down: WhenDownChoice = ""


class WithdrawFrame(FrontendFrame):
    """Withdraw an upload that was not sent yet."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "withdraw", "target": "file-1"}]}
    )
    action: Literal["withdraw"]
    target: str = Field(description="The command_id of the upload.")


class LinkFrame(FrontendFrame):
    """Ask for a fresh download URL of a file; the answer has it in `result`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"action": "link", "attachment_id": "7d2b0c9e"}]}
    )
    action: Literal["link"]
    attachment_id: str = Field(description="The platform's id of the file.")


class GuestFrame(BaseModel):
    """The first frame, if the address says `details=first_frame`: who a new guest is. Its values
    win over the address; an unknown field is refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"action": "guest", "name": "Ana Müller"}]},
    )
    action: Literal["guest"]
    name: str = Field(default="", max_length=100, description="What agents are shown.")
    email: str = Field(default="", max_length=254, description="What the webchat dialect needs.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Sent on connecting, in webchat."
    )


class HelloFrame(BaseModel):
    """First of all: which guest session this socket speaks for."""

    kind: Literal["hello"]
    guest: str = Field(description="Its name.")
    session: str = Field(description="Its id; another one after it has ended and was made anew.")
    state: Literal["waiting", "dialing", "joining", "live", "resting", "leaving"] = Field(
        description="Its state now."
    )
    seq: int = Field(description="The seq of its newest event; 0 if there is none.")
    new: bool = Field(description="True if this socket has made it.")
    file_bytes_max: int = Field(
        description="The largest file that it surely takes, in bytes; 0: none. Until the platform"
        " has said its limit this is at most 10 MiB, what the platform usually takes. No frame says"
        " that it is another one later: each file is judged by the limit of the moment, which the"
        " session in the control API has, and which the error `too_large` names."
    )


class OkFrame(BaseModel):
    """A command with a `command_id` is durable."""

    ok: Literal[True]
    command_id: str = Field(description="The command's.")
    seq: int = Field(description="The seq of its `accepted`; of a `resume` its `since`.")


class DownloadLink(BaseModel):
    """Where a file may be fetched, for minutes. The URL is a key to the file."""

    attachment_id: str = Field(description="The platform's id of the file.")
    url: str = Field(description="Where it is, for about ten minutes.")
    filename: str = Field(description="Its name.")
    content_type: str = Field(description="Its media type.")
    size_bytes: int | None = Field(description="In bytes; null if the platform does not say.")


class LinkOkFrame(BaseModel):
    """The answer to `link`."""

    ok: Literal[True]
    command_id: str = Field(description="That of the frame, or a generated one.")
    result: DownloadLink = Field(description="The link.")


class ErrorFrame(BaseModel):
    """A frame was refused; the socket stays open."""

    error: str = Field(description="What was wrong, and what to do, in words.")
    code: str = Field(description="The stable word to program against.")
    field: str | None = Field(default=None, description="The field that is meant, if one.")
    command_id: str | None = Field(
        default=None,
        description=(
            "That of the frame, if it had one. A frame that is too large is not read, so this is"
            " missing."
        ),
    )
    state: str | None = Field(
        default=None, description="With not_ready: the guest session's state."
    )
    retry_after_ms: int | None = Field(
        default=None, description="With not_ready: milliseconds until its next step."
    )


class LaggingFrame(BaseModel):
    """You read too slowly; if that continues, the socket is closed with 1013."""

    kind: Literal["lagging"]
    seq: int = Field(description="The last seq that was sent to you.")


class ClosedNotice(BaseModel):
    """The stream ends, and may be asked for again with `after`."""

    kind: Literal["closed"]
    reason: str = Field(description="Why, and what to resume after.")
    seq: int = Field(description="The seq to resume after.")


class OverNotice(BaseModel):
    """The guest session has ended and everything was sent; do not reconnect."""

    kind: Literal["over"]
    seq: int = Field(description="The seq of its last event.")


#: By action, in the order of the document.
SENT_BY_FRONTENDS: dict[str, type[BaseModel]] = {
    "send": SendTextFrame,
    "reply": ReplyFrame,
    "context": ContextFrame,
    "typing": TypingFrame,
    "upload": UploadFileFrame,
    "withdraw": WithdrawFrame,
    "link": LinkFrame,
    "resume": ResumeAfterFrame,
    "end": EndFrame,
    "guest": GuestFrame,
}
#: Beside the events.
SENT_BY_GUESTD: tuple[type[BaseModel], ...] = (
    HelloFrame,
    OkFrame,
    LinkOkFrame,
    ErrorFrame,
    LaggingFrame,
)
#: Of an event stream over HTTP, beside the events and `lagging`.
NOTICES: tuple[type[BaseModel], ...] = (ClosedNotice, OverNotice)
