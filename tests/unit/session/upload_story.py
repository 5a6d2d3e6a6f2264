"""A file's way through a machine, step by step, and what became of it."""

from __future__ import annotations

from guestd.model import client_messages as m
from guestd.model import effects as e
from guestd.model import signals as s
from guestd.model.commands import Attach
from guestd.session import inputs as i

URL = "https://storage.test/put?sig=secret"


def bill(command_id="f1", **more):
    figures = {
        "filename": "bill.pdf",
        "content_type": "application/pdf",
        "size_bytes": 10,
        "path": f"/s/{command_id}",
    }
    return Attach(command_id, **{**figures, **more})


def give(table, command):
    return table.feed(i.CommandGiven(command), i.IntentDurable(command.command_id))


def grant(table, **more):
    """The platform's answer to the last question for a place."""
    asked = table.said(m.AskSlot)[-1]
    figures = {"headers": {"x-amz-tagging": "a=b"}, "tracing_id": asked.tracing_id, **more}
    table.feed(s.SlotGranted(asked.attachment_id, URL, **figures))
    return asked.attachment_id


def asked_for(table):
    """The questions for places over REST."""
    return [one for one in table.effects if isinstance(one, e.AskPresigned)]


def upload(table):
    """Grant, put, confirm: the file is there."""
    attachment_id = grant(table)
    table.feed(i.PutEnded(attachment_id, 200), s.UploadSucceeded(attachment_id, "https://d"))
    return attachment_id


def echo(table, n=1):
    sent = table.said(m.SayText)[-1]
    return s.MessageArrived(
        f"m{n}",
        s.INBOUND,
        "Text",
        text=sent.text,
        time=f"2027-05-31T09:00:0{n}.000Z",
        marker=sent.marker,
    )


def deliveries(table):
    return [(one.command_id, one.status) for one in table.events("delivery")]


def statuses(table):
    return [one.status for one in table.events("attachment")]


def discarded(table):
    return [one.path for one in table.effects if isinstance(one, e.Discard)]


def uploads(table):
    return [one for one in table.effects if isinstance(one, e.Upload)]
