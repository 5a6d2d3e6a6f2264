"""Guest sessions against the emulator over real sockets: reconnects, gaps, endings, drains, both
dialects."""

from __future__ import annotations

import asyncio
import json
import socket

import orjson
import pytest

from guestd.emulator.core.records import SendFrame as Tell
from guestd.model.commands import Context, End, Send
from guestd.model.effects import SessionCounter
from guestd.model.errors import CommandError, LimitExceeded
from guestd.model.ports import OpenGuest
from guestd.supervisor.commits import CommitBatcher


class Watching:
    """Remembers what it was shown."""

    def __init__(self):
        self.events = []
        self.outbound = 0
        self.is_over = False

    def offer(self, row):
        event = json.loads(row.payload)
        self.events.append(event)
        self.outbound += event.get("direction") == "Outbound"

    def over(self):
        self.is_over = True

    def texts(self, direction="Outbound"):
        return [
            e["text"] for e in self.events if e["kind"] == "message" and e["direction"] == direction
        ]

    def of(self, kind):
        return [event for event in self.events if event["kind"] == kind]


def open_guest(stack, name="ana", **more):
    session_id = stack.fleet.open(OpenGuest(name, email=f"{name}@example.org", **more))
    watching = Watching()
    stack.fleet.watch(session_id, watching)
    return session_id, watching


def session_of(stack, name="ana"):
    return stack.emulator.world.sessions[
        stack.fleet._runners[stack.fleet.find(name)].machine.guest.token
    ]


def agent_says(stack, name, *texts):
    for text in texts:
        _, effects = stack.emulator.world.agent_says(
            session_of(stack, name), text, stack.emulator.now()
        )
        stack.emulator.perform(effects)


def drop(stack, name="ana"):
    for connection_id in list(session_of(stack, name).connections):
        stack.emulator.connections[connection_id].transport.abort()


SILENT = {"agent": "silent"}
FAST = {"reconnect_base_s": 0.05, "reconnect_jitter_s": 0.02, "history_retry_s": 0.05}


async def test_what_was_said_while_the_link_was_down_is_fetched_in_order(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        _, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        agent_says(stack, "ana", "before")
        await stack.until(lambda: watching.texts() == ["before"])
        drop(stack)
        await stack.until(lambda: stack.live() == 0)
        agent_says(stack, "ana", "during 1", "during 2")
        await stack.until(lambda: len(watching.texts()) == 3)
        agent_says(stack, "ana", "after")
        await stack.until(lambda: len(watching.texts()) == 4)
        assert watching.texts() == ["before", "during 1", "during 2", "after"]
        assert [event["seq"] for event in watching.events] == list(
            range(1, len(watching.events) + 1)
        )
        assert stack.metrics.session_counts[SessionCounter.GAP_FILLED] == 2
        assert len(stack.emulator.world.sessions) == 1, "the same token came back"


async def test_a_long_gap_is_read_page_by_page(new_stack):
    limits = {"messages_per_session_per_s": None}
    async with new_stack(emulator={**SILENT, "limits": limits}, session=FAST) as stack:
        _, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        agent_says(stack, "ana", "before")
        await stack.until(lambda: watching.texts() == ["before"])
        drop(stack)
        await stack.until(lambda: stack.live() == 0)
        agent_says(stack, "ana", *(f"m{n}" for n in range(230)))
        await stack.until(lambda: len(watching.texts()) == 231)
        assert watching.texts()[1:] == [f"m{n}" for n in range(230)]


async def test_a_message_whose_echo_was_lost_is_neither_doubled_nor_lost(new_stack):
    async with new_stack(emulator=SILENT, session={**FAST, "when_down": "queue"}) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        for when in ("after", "before"):
            stack.emulator.faults.set(
                [{"kind": "drop", "count": 1, "when": when}], stack.emulator.now()
            )
            answered = asyncio.get_running_loop().create_future()
            stack.fleet.give(session_id, Send(f"c-{when}", f"said {when}"), answered.set_result)
            assert (await answered).error is None
            await stack.until(lambda when=when: f"said {when}" in watching.texts("Inbound"))
        held = [body["text"] for body in session_of(stack).messages if body["type"] == "Text"]
        assert held == ["said after", "said before"] == watching.texts("Inbound")
        assert [event["status"] for event in watching.of("delivery")] == ["confirmed", "confirmed"]


async def test_a_command_given_again_after_the_machine_forgot_it_is_answered_from_the_journal(
    new_stack,
):
    async with new_stack(emulator=SILENT, session={**FAST, "answers_kept_max": 2}) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        answers = []
        for n in (1, 2, 3, 4):
            stack.fleet.give(session_id, Send(f"c{n}", f"text {n}"), answers.append)
            await stack.until(lambda: len(watching.of("delivery")) == n)  # noqa: B023 - awaited before the next n
        stack.fleet.give(session_id, Send("c1", "text 1"), answers.append)
        stack.fleet.give(session_id, Send("c5", "text 5"), answers.append)
        await stack.until(lambda: len(watching.of("delivery")) == 5)
        assert answers[4].accepted and answers[4].seq == answers[0].seq
        assert [one["text"] for one in session_of(stack).messages] == [
            f"text {n}" for n in range(1, 6)
        ]


async def test_a_half_open_link_is_found_by_its_silence(new_stack):
    async with new_stack(
        emulator=SILENT, session={**FAST, "heartbeat_interval_s": 0.4, "heartbeat_timeout_s": 0.3}
    ) as stack:
        open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        for visit in stack.emulator.connections.values():
            visit.freeze()
        await stack.until(
            lambda: stack.metrics.session_counts.get(SessionCounter.HEARTBEAT_LOST, 0) >= 1
        )
        await stack.until(lambda: stack.live() == 1)
        assert stack.metrics.connections_lost == {"unanswered": 1}


async def test_a_mass_reconnect_stays_inside_the_admission_bucket(new_stack):
    """A hundred sessions lose their connections at once; the bucket, not their backoff, shapes the
    return."""
    fleet = {"connects_per_minute": 1200, "burst": 20}
    async with new_stack(emulator=SILENT, session=FAST, fleet=fleet) as stack:
        for n in range(100):
            open_guest(stack, f"g{n}")
        await stack.until(lambda: stack.live() == 100, 30.0)
        stack.emulator.connect_times.clear()
        for visit in list(stack.emulator.connections.values()):
            visit.transport.abort()
        await stack.until(lambda: stack.live() == 0)
        await stack.until(lambda: stack.live() == 100, 30.0)
        instants = sorted(stack.emulator.connect_times)
        for n, first in enumerate(instants):
            for m in range(n, len(instants)):
                allowed = 20 + (instants[m] - first) * 20 + 2
                assert m - n + 1 <= allowed, (
                    f"{m - n + 1} connects within {instants[m] - first:.2f} s"
                )


async def test_a_429_at_the_door_holds_everybody_back(new_stack):
    async with new_stack(
        emulator={**SILENT, "limits": {"connections_per_minute": 3}}, session=FAST
    ) as stack:
        for n in range(3):
            open_guest(stack, f"g{n}")
        await stack.until(lambda: stack.live() == 3)
        open_guest(stack, "late")
        await stack.until(lambda: stack.emulator.counters["connects_refused"] == 1)
        open_guest(stack, "later")
        await asyncio.sleep(0.5)
        assert stack.emulator.counters["connects_refused"] == 1, (
            "no session dials again before Retry-After"
        )


@pytest.mark.parametrize("clear", [True, False])
async def test_end_leaves_no_orphan(new_stack, clear):
    emulator = {**SILENT, "deployments": ({"conversation_clear": clear},)}
    async with new_stack(emulator=emulator, session={"conversation_clear": clear}) as stack:
        session_id, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        stack.fleet.give(session_id, Send("c1", "bye"), lambda answer: None)
        stack.fleet.give(session_id, End("e1"), lambda answer: None)
        await stack.until(lambda: watching.is_over)
        assert watching.events[-1] == {
            "seq": watching.events[-1]["seq"],
            "at": watching.events[-1]["at"],
            "state": "ended",
            "reason": "finished",
            "read_only": False,
            "first": False,
            "latency_ms": None,
            "kind": "session",
        }
        everyone = [*stack.emulator.world.sessions.values(), *stack.emulator.world.cleared.values()]
        assert all(one.conversation is None for one in everyone), "no conversation is left open"
        await stack.until(lambda: not stack.emulator.connections)


async def test_duration_ends_a_session_in_an_orderly_way(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        _, watching = open_guest(stack, duration_s=0.6)
        await stack.until(lambda: watching.is_over)
        assert watching.events[-1]["reason"] == "duration_reached"
        assert not stack.emulator.world.sessions


async def test_an_expired_session_ends_and_does_not_come_back(new_stack):
    async with new_stack(emulator=SILENT, session=FAST) as stack:
        _, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        emulator = stack.emulator
        emulator.perform(emulator.world.expire(session_of(stack), emulator.now()))
        await stack.until(lambda: watching.is_over)
        assert watching.events[-1]["reason"] == "session_expired"
        await asyncio.sleep(0.3)
        assert stack.emulator.counters["connects_total"] == 1


async def test_drain_says_goodbye_for_everybody(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        for n in range(30):
            open_guest(stack, f"g{n}")
        await stack.until(lambda: stack.live() == 30)
        report = await stack.fleet.drain(10.0)
        assert (report.ended, len(report.left)) == (30, 0)
        assert not stack.emulator.world.sessions
        with pytest.raises(CommandError) as refused:
            open_guest(stack, "late")
        assert refused.value.code == "draining"


async def test_drain_gives_up_on_a_platform_that_does_not_answer(new_stack):
    async with new_stack(emulator=SILENT) as stack:
        open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        for visit in stack.emulator.connections.values():
            visit.freeze()
        report = await stack.fleet.drain(0.5)
        assert (report.ended, len(report.left)) == (0, 1)


async def test_opening_is_bounded_and_names_are_unique(new_stack):
    async with new_stack(emulator=SILENT, fleet={"max_sessions": 2}) as stack:
        open_guest(stack, "a")
        with pytest.raises(CommandError) as refused:
            open_guest(stack, "a")
        assert refused.value.code == "conflict" and refused.value.field == "name"
        open_guest(stack, "b")
        with pytest.raises(LimitExceeded):
            open_guest(stack, "c")
        assert [view.name for view in stack.fleet.sessions()] == ["a", "b"]
        assert stack.metrics.refused_sessions == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "oversize", "count": 1},
        {"kind": "deep_json", "count": 1},
        {"kind": "binary", "count": 1},
        {"kind": "invalid_utf8", "count": 1},
        {"kind": "malformed", "count": 1},
        {"kind": "malformed", "count": 1, "mode": "replace"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
async def test_bad_frames_from_the_platform_cost_nothing_and_touch_nobody_else(new_stack, fault):
    """Ten megabytes, a hundred thousand brackets, binary, broken UTF-8, broken JSON: counted or
    reconnected, never lost."""
    async with new_stack(
        emulator=SILENT, session=FAST, transport={"frame_bytes_max": 1_000_000}
    ) as stack:
        _, victim = open_guest(stack, "victim")
        _, other = open_guest(stack, "other")
        await stack.until(lambda: stack.live() == 2)
        before = stack.emulator.counters["connects_total"]
        stack.emulator.faults.set(
            [{**fault, "token": session_of(stack, "victim").token}], stack.emulator.now()
        )
        agent_says(stack, "victim", "one", "two")
        agent_says(stack, "other", "for the other")
        await stack.until(
            lambda: victim.texts() == ["one", "two"] and other.texts() == ["for the other"]
        )
        counted = stack.metrics.session_counts.get(SessionCounter.GARBAGE, 0)
        reconnected = stack.emulator.counters["connects_total"] - before
        assert counted or reconnected, "it left a trace"
        assert [event["state"] for event in other.of("session")] == ["live"], (
            "the other session noticed nothing"
        )


async def test_a_flood_on_one_session_delays_no_others_heartbeat(new_stack):
    """Far more than a heartbeat's time-out of work arrives on one connection; the read budget lets
    the others breathe."""
    session = {"heartbeat_interval_s": 0.5, "heartbeat_timeout_s": 0.4}
    limits = {"echoes_per_connection_per_minute": None}
    async with new_stack(emulator={**SILENT, "limits": limits}, session=session) as stack:
        _, flooded = open_guest(stack, "flooded")
        for n in range(20):
            open_guest(stack, f"calm{n}")
        await stack.until(lambda: stack.live() == 21)
        total = 0
        for _ in range(40):
            agent_says(stack, "flooded", *(f"{total + n}" for n in range(500)))
            total += 500
            await asyncio.sleep(0)
        await stack.until(lambda: flooded.outbound == total, 60.0)
        assert flooded.texts() == [str(n) for n in range(total)]
        assert SessionCounter.HEARTBEAT_LOST not in stack.metrics.session_counts
        assert stack.metrics.connections_lost == {}


async def test_a_full_journal_stops_reading_and_loses_nothing(new_stack):
    """The journal stands still; sockets stop being read; it moves on, and everything is there."""
    async with new_stack(emulator=SILENT, uncommitted_max=50) as stack:
        _, watching = open_guest(stack)
        await stack.until(lambda: stack.live() == 1)
        pipeline: CommitBatcher = stack.fleet._context.commits
        journal, waiting = pipeline._journal, []
        commit = journal.commit
        journal.commit = lambda commit, done: waiting.append((commit, done))
        agent_says(stack, "ana", *(str(n) for n in range(2000)))
        await asyncio.sleep(0.5)
        assert pipeline.uncommitted < 2000, "what is not read waits in the socket"
        assert stack.metrics.read_pauses == 1
        assert watching.texts() == [], "nothing is shown before it is durable"
        journal.commit = commit
        for batch, done in waiting:
            commit(batch, done)
        await stack.until(lambda: watching.outbound == 2000)
        assert watching.texts() == [str(n) for n in range(2000)]


async def test_a_bug_in_one_session_ends_that_one_only(new_stack, caplog):
    async with new_stack(emulator=SILENT) as stack:
        _, broken = open_guest(stack, "broken")
        _, other = open_guest(stack, "other")
        await stack.until(lambda: stack.live() == 2)
        runner = stack.fleet._runners[stack.fleet.find("broken")]
        runner.inbound.inbox = None
        agent_says(stack, "broken", "boom")
        agent_says(stack, "other", "fine")
        await stack.until(lambda: other.texts() == ["fine"])
        assert stack.fleet.find("broken") is None and stack.live() == 1
        assert "our bug" in caplog.text


class TestWebchat:
    async def test_sock_1_and_4_a_conversation_in_the_legacy_dialect(self, new_stack):
        async with new_stack(dialect="webchat", emulator={"agent": "echo"}) as stack:
            session_id, watching = open_guest(stack)
            await stack.until(lambda: stack.live() == 1)
            stack.fleet.give(session_id, Context("x1", {"page": "/help"}), lambda answer: None)
            for n in range(5):
                stack.fleet.give(session_id, Send(f"c{n}", f"hello {n}"), lambda answer: None)
            await stack.until(lambda: len(watching.texts()) == 5)
            assert watching.texts() == [f"hello {n}" for n in range(5)]
            (session,) = stack.emulator.world.sessions.values()
            assert session.context == {"page": "/help"}
            assert [event["status"] for event in watching.of("delivery")] == ["sent"] * 5
            assert [event["seq"] for event in watching.events] == list(
                range(1, len(watching.events) + 1)
            )

    async def test_sock_2_it_reconnects_as_the_same_guest(self, new_stack):
        async with new_stack(dialect="webchat", emulator=SILENT, session=FAST) as stack:
            open_guest(stack)
            await stack.until(lambda: stack.live() == 1)
            for visit in list(stack.emulator.connections.values()):
                visit.transport.abort()
            await stack.until(lambda: stack.live() == 0)
            await stack.until(lambda: stack.live() == 1)
            assert list(stack.emulator.world.sessions) == ["webchat:ana@example.org"]

    async def test_sock_3_and_5_what_arrives_is_ordered_by_number_and_the_unknown_ends_nothing(
        self, new_stack
    ):
        async with new_stack(dialect="webchat", emulator=SILENT) as stack:
            _, watching = open_guest(stack)
            await stack.until(lambda: stack.live() == 1)

            def tell(**frame):
                connections = stack.emulator.world.sessions["webchat:ana@example.org"].connections
                stack.emulator.perform([Tell(one, orjson.dumps(frame)) for one in connections])

            tell(type="typing", state=True)
            tell(type="novelty", text="from a later version")
            for sequence in ("msg-9", "msg-11", "msg-11", "msg-10", "msg-9"):
                tell(type="message", text=sequence, sequenceId=sequence)
            tell(type="readReceipt", sequenceId="msg-11")
            await stack.until(lambda: watching.of("receipt") and watching.texts())
            assert watching.texts() == ["msg-9", "msg-10", "msg-11"]
            assert (
                len(watching.of("typing")) == 1
                and stack.metrics.session_counts[SessionCounter.UNKNOWN] == 1
            )
            assert stack.live() == 1

    @pytest.mark.parametrize("dialect", ["webchat", "webmessaging"])
    async def test_sock_3_the_log_names_each_kind_that_is_not_known_once(
        self, new_stack, dialect, caplog
    ):
        frames = {
            "webchat": {"type": "novelty", "text": "said by a guest"},
            "webmessaging": {
                "type": "message",
                "class": "novelty",
                "code": 200,
                "body": {"text": "said by a guest"},
            },
        }
        async with new_stack(dialect=dialect, emulator=SILENT) as stack:
            open_guest(stack)
            await stack.until(lambda: stack.live() == 1)
            (session,) = stack.emulator.world.sessions.values()
            for _ in range(3):
                told = orjson.dumps(frames[dialect])
                stack.emulator.perform([Tell(one, told) for one in session.connections])
            await stack.until(
                lambda: stack.metrics.session_counts.get(SessionCounter.UNKNOWN, 0) == 3
            )
        lines = [one for one in caplog.messages if "not known" in one]
        assert [("novelty (1 so far" in one, "said" in one) for one in lines] == [(True, False)]

    async def test_sock_8_a_ping_without_a_pong_is_a_lost_link(self, new_stack):
        beats = {"heartbeat_interval_s": 0.4, "heartbeat_timeout_s": 0.3}
        async with new_stack(
            dialect="webchat", emulator=SILENT, session={**FAST, **beats}
        ) as stack:
            open_guest(stack)
            await stack.until(lambda: stack.live() == 1)
            for visit in stack.emulator.connections.values():
                visit.freeze()
            await stack.until(
                lambda: stack.metrics.session_counts.get(SessionCounter.HEARTBEAT_LOST, 0) >= 1
            )
            await stack.until(lambda: stack.live() == 1)
            assert stack.metrics.connections_lost == {"unanswered": 1}


def test_loopback_is_all_these_tests_use():
    assert socket.gethostbyname("localhost") == "127.0.0.1"
