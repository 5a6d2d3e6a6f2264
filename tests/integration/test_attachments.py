"""Files on their way (SOCK-6, SOCK-7, SIM-1): daemon, emulator and storage over real sockets and
real files."""

from __future__ import annotations

import asyncio
import hashlib

import aiohttp
import pytest

from guestd.model.commands import Attach, RenewDownloadLink, Send, Withdraw
from guestd.model.ports import OpenGuest

from .attaching import PNG, attach, fates, pieces, steps, stored
from .test_sessions import FAST, SILENT, Watching, drop, open_guest, session_of


async def test_sock_6_a_file_is_asked_for_uploaded_confirmed_and_sent(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        answers, path = await attach(stack, session_id, caption="the bill")
        await stack.until(lambda: fates(watching) and watching.of("message"))
        assert answers[0].accepted
        assert fates(watching) == [("confirmed", "")]
        assert steps(watching) == ["asked", "uploading", "uploaded"]
        (echo,) = watching.of("message")
        assert (echo["text"], echo["command_id"], echo["direction"]) == (
            "the bill",
            "f1",
            "Inbound",
        )
        assert echo["content"][0]["attachment"]["filename"] == "bill.png"
        assert stored(stack) == {"bill.png": hashlib.sha256(PNG).hexdigest()}
        await stack.until(lambda: not path.exists())
        assert [event["seq"] for event in watching.events] == list(
            range(1, len(watching.events) + 1)
        )


async def test_what_is_said_after_a_file_stays_behind_it(new_stack):
    async with new_stack(emulator={**SILENT, "upload_delay_s": 0.3}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id, caption="first")
        stack.fleet.give(session_id, Send("t1", "second"), lambda answer: None)
        await attach(stack, session_id, caption="third", command_id="f2", name="b.png")
        await stack.until(lambda: len(watching.texts("Inbound")) == 3)
        assert watching.texts("Inbound") == ["first", "second", "third"]


DEAD_URL = (
    "the storage answered 403 Access Denied; the upload URL is not valid any more, or not for this"
    " file; send the file again"
)


async def test_a_dead_url_is_answered_with_a_fresh_one(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        stack.emulator.faults.set([{"kind": "slot_expired", "count": 2}], 0.0)
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id)
        await stack.until(lambda: fates(watching))
        assert fates(watching) == [("confirmed", "")]
        assert steps(watching) == [
            *["asked", "uploading", "retrying"] * 2,
            "asked",
            "uploading",
            "uploaded",
        ]
        ids = [
            one["attachment_id"] for one in watching.of("attachment") if one["status"] == "asked"
        ]
        assert len(set(ids)) == 3
        retries = [
            one["reason"] for one in watching.of("attachment") if one["status"] == "retrying"
        ]
        assert retries == [DEAD_URL] * 2
        await stack.until(
            lambda: set(session_of(stack).attachments) == {ids[-1]}
        )  # the dead ones were taken back
        assert stored(stack) == {"bill.png": hashlib.sha256(PNG).hexdigest()}


async def test_a_url_that_never_works_ends_in_a_clear_failure(new_stack):
    async with new_stack(emulator=SILENT, session={**FAST, "upload_retry_s": 0.01}) as stack:
        stack.emulator.faults.set([{"kind": "upload_refused", "rate": 1.0}], 0.0)
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        _, path = await attach(stack, session_id)
        stack.fleet.give(session_id, Send("t1", "and this goes on"), lambda answer: None)
        await stack.until(lambda: watching.texts("Inbound"))
        assert fates(watching) == [("failed", DEAD_URL)]
        assert steps(watching).count("asked") == 4
        await stack.until(lambda: not path.exists() and not session_of(stack).attachments)


@pytest.mark.parametrize("kind", ["upload_cut", "slow_rest"])
async def test_a_put_that_breaks_or_stands_still_is_tried_again(new_stack, kind):
    rule = {
        "kind": kind,
        "count": 1,
        "path": "/__storage",
        **({"ms": 1000} if kind == "slow_rest" else {}),
    }
    async with new_stack(emulator=SILENT, session=FAST, upload={"stall_timeout_s": 0.2}) as stack:
        stack.emulator.faults.set([rule], 0.0)
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id, PNG * 50)
        await stack.until(lambda: fates(watching))
        assert fates(watching) == [("confirmed", "")]
        assert steps(watching).count("retrying") == 1


async def test_the_platforms_failure_event_is_final(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        stack.emulator.faults.set([{"kind": "upload_rejected", "count": 1}], 0.0)
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        _, path = await attach(stack, session_id)
        await stack.until(lambda: fates(watching))
        ((status, reason),) = fates(watching)
        assert status == "failed" and reason.startswith("4003 File content does not match")
        assert not watching.of("message")
        await stack.until(lambda: not path.exists())


@pytest.mark.parametrize(
    ("file", "code", "field"),
    [
        ({"data": bytes(2049)}, "too_large", "size_bytes"),
        ({"name": "virus.SCR"}, "type", "filename"),
        ({"content_type": "text/html"}, "type", "content_type"),
        ({"content_type": "image/pngx"}, "type", "content_type"),
        ({"name": "noextension"}, "invalid", "filename"),
        ({"name": "../up.png"}, "invalid", "filename"),
        ({"name": "x" * 1021 + ".png"}, "invalid", "filename"),
        ({"caption": "é" * 2049}, "too_long", "caption"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_sock_7_what_the_sessions_profile_forbids_is_refused_before_asking(
    new_stack, file, code, field
):
    deployment = {
        "file_types": ("image/png", "audio/*"),
        "file_kilobytes_max": 2,
        "conversation_clear": True,
    }
    async with new_stack(emulator={**SILENT, "deployments": (deployment,)}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        answers, path = await attach(stack, session_id, **{"data": b"1234", **file})
        assert (answers[0].error.code, answers[0].error.field) == (code, field), answers[0].error
        await stack.until(lambda: not path.exists())
        assert not session_of(stack).attachments
        answers, _ = await attach(
            stack, session_id, b"1234", "a.ogg", "audio/ogg; codecs=opus", command_id="f2"
        )
        await stack.until(lambda: fates(watching, "f2") == [("confirmed", "")])


async def test_a_deployment_without_file_upload_is_told_at_once(new_stack):
    async with new_stack(
        emulator={**SILENT, "deployments": ({"file_upload": False},)}, session=FAST
    ) as stack:
        session_id, _ = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        answers, _ = await attach(stack, session_id)
        assert answers[0].error.code == "unavailable"


async def test_a_file_can_be_taken_back_until_it_is_sent(new_stack):
    async with new_stack(emulator={**SILENT, "upload_delay_s": 0.5}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        _, path = await attach(stack, session_id)
        await stack.until(lambda: "uploading" in steps(watching))
        answers = []
        stack.fleet.give(session_id, Withdraw("w1", "f1"), answers.append)
        await stack.until(lambda: fates(watching))
        assert answers[0].accepted
        assert fates(watching) == [("failed", "taken back before it was sent")]
        await stack.until(lambda: not session_of(stack).attachments and not path.exists())
        stack.fleet.give(session_id, Withdraw("w2", "f1"), answers.append)
        assert answers[1].error.code == "not_found"
        assert not watching.of("message")


async def test_a_fresh_link_of_a_file_leads_to_its_bytes(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id)
        await stack.until(lambda: watching.of("message"))
        attachment = watching.of("message")[0]["content"][0]["attachment"]
        answers = []
        stack.fleet.give(session_id, RenewDownloadLink("l1", attachment["id"]), answers.append)
        stack.fleet.give(session_id, RenewDownloadLink("l2", "nobody's"), answers.append)
        await stack.until(lambda: len(answers) == 2)
        assert answers[0].result["filename"] == "bill.png" and answers[0].result[
            "size_bytes"
        ] == len(PNG)
        assert answers[1].error.code == "not_found"
        async with aiohttp.ClientSession() as client:
            async with client.get(answers[0].result["url"]) as answer:
                assert await answer.read() == PNG
            async with client.get(attachment["url"]) as answer:
                assert answer.status == 404  # the old link is dead
        assert answers[0].result["url"] not in repr(answers[0])
        assert all(answers[0].result["url"] not in str(event) for event in watching.events)


async def test_a_file_from_the_agent_is_shown_with_all_the_platform_says_of_it(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        _, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        file = {
            "id": "a1",
            "mediaType": "Image",
            "mime": "image/png",
            "filename": "map.png",
            "fileSize": 9,
            "url": "u",
        }
        content = [{"contentType": "Attachment", "attachment": file}]
        _, effects = stack.emulator.world.agent_says(
            session_of(stack), "here", stack.emulator.now(), content=content
        )
        stack.emulator.perform(effects)
        await stack.until(lambda: watching.of("message"))
        assert watching.of("message")[0]["content"] == content


async def test_twenty_files_of_a_megabyte_at_once_arrive_whole_and_in_order(new_stack):
    unlimited = {**SILENT, "limits": {"messages_per_session_per_s": None}}
    async with new_stack(emulator=unlimited, session={**FAST, "messages_per_s": 100.0}) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        files = {f"{n}.png": bytes([n]) * 1_000_000 for n in range(20)}
        most = 0
        for n, (name, data) in enumerate(files.items()):
            await attach(stack, session_id, data, name, command_id=f"f{n}", caption=name)
        while len(watching.texts("Inbound")) < 20:
            most = max(most, len(stack.fleet._uploads))
            await asyncio.sleep(0.005)
        assert 1 <= most <= 3
        assert watching.texts("Inbound") == list(files)
        assert stored(stack) == {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        }


async def test_a_lost_link_costs_no_file_and_doubles_none(new_stack):
    async with new_stack(emulator={**SILENT, "upload_delay_s": 0.3}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        stack.fleet.give(
            session_id, Send("t0", "so that the session has a history"), lambda answer: None
        )
        await stack.until(lambda: watching.texts("Inbound"))
        await attach(stack, session_id, caption="once")
        await stack.until(
            lambda: (
                session_of(stack).attachments
                and any(one.sha256 for one in session_of(stack).attachments.values())
            )
        )
        drop(stack)  # the success event comes while there is no connection
        await stack.until(lambda: fates(watching) and "once" in watching.texts("Inbound"))
        assert fates(watching) == [("confirmed", "")]
        assert watching.texts("Inbound").count("once") == 1
        assert steps(watching).count("uploading") == 1, (
            "the platform was asked, nothing was uploaded twice"
        )


async def test_a_new_session_of_the_platform_gets_the_file_anew(new_stack):
    """Its old places are worth nothing there."""
    async with new_stack(emulator={**SILENT, "upload_delay_s": 5.0}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        await attach(stack, session_id)
        await stack.until(lambda: "uploading" in steps(watching))
        old = session_of(stack)
        stack.emulator.world.erase(old)
        object.__setattr__(stack.emulator.settings, "upload_delay_s", 0.01)
        for connection_id in list(old.connections):
            stack.emulator.connections[connection_id].transport.abort()
        await stack.until(lambda: fates(watching))
        assert fates(watching) == [("confirmed", "")]
        assert stored(stack) == {"bill.png": hashlib.sha256(PNG).hexdigest()}


async def test_a_copy_that_is_gone_is_a_clear_failure(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        spooled = await stack.spool.spool(pieces(PNG))
        spooled.path.unlink()
        stack.fleet.give(
            session_id,
            Attach("f1", "a.png", "image/png", len(PNG), str(spooled.path)),
            lambda answer: None,
        )
        await stack.until(lambda: fates(watching))
        assert (
            fates(watching)[0][0] == "failed"
            and "our copy of the file is gone" in fates(watching)[0][1]
        )
        await stack.until(lambda: not session_of(stack).attachments)


async def test_a_session_that_ends_stops_its_upload_and_drops_the_copy(new_stack):
    async with new_stack(emulator={**SILENT, "upload_delay_s": 30.0}, session=FAST) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        _, path = await attach(stack, session_id)
        await stack.until(lambda: "uploading" in steps(watching))
        emulator = stack.emulator
        emulator.perform(emulator.world.expire(session_of(stack), emulator.now()))
        await stack.until(lambda: watching.is_over and not path.exists())
        assert fates(watching) == [("failed", "the guest session ended: session_expired")]
        assert not stack.fleet._uploads._wanted


async def test_sock_6_webchat_asks_over_rest_and_sends_the_metadata(new_stack):
    async with new_stack(emulator=SILENT, session=FAST, dialect="webchat", calls=True) as stack:
        stack.emulator.faults.set([{"kind": "slot_expired", "count": 1}], 0.0)
        session_id = stack.fleet.open(OpenGuest("ana", email="ana@example.org"))
        watching = Watching()
        stack.fleet.watch(session_id, watching)
        await stack.until(lambda: stack.live() == 1)
        _, path = await attach(stack, session_id, caption="the bill", name="bill")
        stack.fleet.give(session_id, Send("t1", "after it"), lambda answer: None)
        await stack.until(lambda: fates(watching) and fates(watching, "t1"))
        assert fates(watching) == [("sent", "")]
        assert steps(watching) == [
            "asked",
            "uploading",
            "retrying",
            "asked",
            "uploading",
            "uploaded",
        ]
        session = stack.emulator.world.sessions["webchat:ana@example.org"]
        await stack.until(lambda: len(session.messages) == 2)
        assert [one["text"] for one in session.messages] == ["the bill", "after it"]
        (metadata,) = session.messages[0]["attachments"]
        assert (metadata["filename"], metadata["contentType"], metadata["size"]) == (
            "bill",
            "image/png",
            len(PNG),
        )
        assert (
            stack.emulator.world.files.named(metadata["id"]).sha256
            == hashlib.sha256(PNG).hexdigest()
        )
        await stack.until(lambda: not path.exists())


async def test_webchat_without_an_oauth_client_says_what_is_missing(new_stack):
    async with new_stack(emulator=SILENT, session=FAST, dialect="webchat") as stack:
        session_id = stack.fleet.open(OpenGuest("ana", email="ana@example.org"))
        await stack.until(lambda: stack.live() == 1)
        answers, path = await attach(stack, session_id)
        assert answers[0].error.code == "not_configured" and "OAuth" in str(answers[0].error)
        await stack.until(lambda: not path.exists())
