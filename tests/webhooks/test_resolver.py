"""A name whose server is silent delays no others' webhooks (SYNC-1): a resolver that really
blocks, for as long as we say."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress

import pytest

from guestd.runtime.resolver import NAMES_KEPT_MAX, THREADS, Resolver

from .harness import Receiver, World, target, until, webhooks


class SystemResolver:
    """Names that begin with `dead` are not answered until `let_go`; those with `wrong` do not
    exist; the others are here."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self.asked: Counter[str] = Counter()
        self.hanging = 0

    def __call__(self, host: str) -> list[str]:
        self.asked[host] += 1
        if host.startswith("dead"):
            self.hanging += 1
            self._going.wait(60.0)
            self.hanging -= 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host.startswith("wrong"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["127.0.0.1", "127.0.0.1"]

    def let_go(self) -> None:
        self._going.set()


@pytest.fixture
def resolver():
    found = SystemResolver()
    yield found
    found.let_go()


def wanting(names: Resolver, count: int, prefix: str = "dead") -> list[asyncio.Task[list[str]]]:
    return [asyncio.create_task(names(f"{prefix}-{n}.example", 443)) for n in range(count)]


async def give_up(tasks: list[asyncio.Task[list[str]]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def ask(names: Resolver, host: str) -> list[str]:
    async with asyncio.timeout(30.0):
        return await names(host, 443)


async def test_forty_names_that_hang_do_not_delay_a_new_one(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    dead = wanting(names, 40)
    await until(lambda: resolver.hanging == 40)
    assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert resolver.hanging == 40, "no query had to be answered first"
    await give_up(dead)
    names.close()


async def test_a_name_that_answered_is_delayed_by_no_number_of_others(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    await ask(names, "healthy.example")
    dead = wanting(names, 500)
    await until(lambda: resolver.hanging == THREADS["new"])
    for _ in range(3):
        assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert resolver.hanging == THREADS["new"]
    await give_up(dead)
    names.close()


async def test_names_that_failed_once_leave_the_threads_of_new_ones_alone(resolver):
    """Every name that hangs is new only once: then they have few threads, for which they wait
    behind each other."""
    names = Resolver(resolver, error_ttl_s=2.0)
    for start in range(0, 200, 40):
        hosts = [f"dead-{n}.example" for n in range(start, start + 40)]
        asked = [asyncio.create_task(names(host, 443)) for host in hosts]
        await until(lambda: resolver.hanging == 40)
        await give_up(asked)
        resolver.let_go()
        await until(lambda: resolver.hanging == 0)
        resolver._going.clear()
    loop = asyncio.get_running_loop()
    for known in names._known.values():
        known.until = loop.time()  # as after the time for which an error is kept
    again = wanting(names, 200)
    await until(lambda: resolver.hanging == THREADS["failing"])
    assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert resolver.hanging == THREADS["failing"]
    await give_up(again)
    names.close()


async def test_a_name_is_asked_by_one_thread_whoever_wants_it(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    tasks = [asyncio.create_task(names("dead.example", port)) for port in range(1, 101)]
    await until(lambda: resolver.hanging == 1)
    await give_up(tasks[:50])
    more = asyncio.create_task(names("dead.example", 443))
    resolver.let_go()
    for task in [*tasks[50:], more]:
        with pytest.raises(socket.gaierror):
            await task
    assert resolver.asked["dead.example"] == 1
    names.close()


async def test_an_error_is_remembered_for_a_moment_and_an_address_is_not(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    for _ in range(5):
        with pytest.raises(OSError, match="not known"):
            await ask(names, "wrong.example")
        await ask(names, "healthy.example")
    assert resolver.asked == {"wrong.example": 1, "healthy.example": 5}
    names._known["wrong.example"].until = 0.0
    with pytest.raises(OSError, match="not known"):
        await ask(names, "wrong.example")
    assert resolver.asked["wrong.example"] == 2
    names.close()


async def test_what_nobody_wants_any_more_is_not_asked(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    dead = wanting(names, THREADS["new"])
    await until(lambda: resolver.hanging == THREADS["new"])
    late = wanting(names, 100, "late")
    await asyncio.sleep(0)
    await give_up(late)
    assert not any(one.waiting for one in names._classes.values())
    await give_up(dead)
    resolver.let_go()
    await until(lambda: not any(one.running for one in names._classes.values()))
    assert not any(host.startswith("late") for host in resolver.asked) and not names._questions
    names.close()


class Gates:
    """Each question of a dead name hangs until the test lets that one go."""

    def __init__(self):
        self.healthy = {}
        self.slow = set()
        self.asked = []
        self.gates = {}
        self._lock = threading.Lock()

    def __call__(self, host):
        with self._lock:
            gate = self.gates.setdefault(host, threading.Event())
            self.asked.append(host)
        if host not in self.healthy or host in self.slow:
            gate.wait(60.0)
        if host not in self.healthy:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self.healthy[host]

    def fail(self, host):
        """Its next question hangs again."""
        self.gates.pop(host).set()

    def let_all_go(self):
        for gate in list(self.gates.values()):
            gate.set()


@pytest.fixture
def gates():
    found = Gates()
    yield found
    found.let_all_go()


def after_an_outage(gates, count):
    """A resolver for which so many names are failing."""
    names = Resolver(gates)
    for n in range(count):
        names._known_of(f"dead-{n}.example").class_name = "failing"
    names._known_of("healthy.example").class_name = "failing"
    gates.healthy["healthy.example"] = ["127.0.0.1"]
    return names


async def wanted_for_a_moment(names, host):
    """A caller that gives up before its turn has come."""
    task = asyncio.create_task(names(host, 443))
    await asyncio.sleep(0)
    await give_up([task])


async def test_a_name_that_answers_again_waits_for_none_of_thirty_dead_ones(gates):
    names = after_an_outage(gates, 30)
    dead = wanting(names, 30)
    await until(lambda: len(gates.gates) == 30)
    assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert all(not gates.gates[f"dead-{n}.example"].is_set() for n in range(30))
    await give_up(dead)
    names.close()


async def test_a_name_that_answers_again_has_its_turn_while_the_others_stay_dead(gates):
    """Each dead name holds a thread and is wanted again at once; the healthy one is wanted only
    when no thread is free, and for a moment."""
    names = after_an_outage(gates, 60)
    for n in range(60):
        await wanted_for_a_moment(names, f"dead-{n}.example")
    await until(lambda: len(gates.gates) == THREADS["failing"])
    await wanted_for_a_moment(names, "healthy.example")
    for _ in range(80):
        if "healthy.example" in gates.asked:
            break
        before = len(gates.asked)
        host = next(iter(gates.gates))
        gates.fail(host)
        await until(lambda before=before: len(gates.asked) > before)
        await wanted_for_a_moment(names, host)
    assert gates.asked.index("healthy.example") <= 60, "longest unasked first"
    await until(lambda: "healthy.example" not in names._questions)
    assert await ask(names, "healthy.example") == ["127.0.0.1"], "from the late answer"
    assert gates.asked.count("healthy.example") == 1
    assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert gates.asked.count("healthy.example") == 2, "asked anew, and without a wait"
    names.close()


async def test_a_name_waits_in_line_once_however_often_it_is_wanted(gates):
    names = after_an_outage(gates, THREADS["failing"])
    for n in range(THREADS["failing"]):
        await wanted_for_a_moment(names, f"dead-{n}.example")
    for _ in range(5):
        await wanted_for_a_moment(names, "healthy.example")
    assert len(names._classes["failing"].waiting) == 1
    again = asyncio.create_task(names("healthy.example", 443))
    gates.fail("dead-0.example")
    assert await again == ["127.0.0.1"]
    names.close()


async def test_the_line_of_failing_names_is_bounded(gates):
    names = after_an_outage(gates, THREADS["failing"])
    for n in range(THREADS["failing"]):
        await wanted_for_a_moment(names, f"dead-{n}.example")
    for n in range(NAMES_KEPT_MAX + 50):
        names._known_of(f"more-{n}.example").class_name = "failing"
        await wanted_for_a_moment(names, f"more-{n}.example")
    assert len(names._classes["failing"].waiting) == NAMES_KEPT_MAX
    assert len(names._questions) == NAMES_KEPT_MAX + THREADS["failing"]
    assert names._classes["failing"].waiting[0].host == "more-0.example", "who waits goes on"
    names.close()


async def test_a_name_that_is_slow_itself_stays_among_the_failing(gates, monkeypatch):
    """Its late answer serves the next caller; the threads of names that answer are not its own."""
    monkeypatch.setattr("guestd.runtime.resolver.QUICK_S", -1.0)
    names = after_an_outage(gates, 1)
    gates.slow.add("healthy.example")
    await wanted_for_a_moment(names, "healthy.example")
    await until(lambda: "healthy.example" in gates.gates)
    gates.let_all_go()
    await until(lambda: not names._questions)
    assert names._known["healthy.example"].class_name == "failing"
    assert await ask(names, "healthy.example") == ["127.0.0.1"]
    assert gates.asked.count("healthy.example") == 1
    names.close()


async def test_what_is_remembered_is_bounded(resolver):
    names = Resolver(resolver, error_ttl_s=2.0)
    for n in range(NAMES_KEPT_MAX + 50):
        with suppress(OSError):
            await ask(names, f"wrong-{n}.example")
    assert len(names._known) == NAMES_KEPT_MAX
    names.close()


async def test_a_name_that_cannot_be_encoded_is_an_error_like_others():
    names = Resolver()
    with pytest.raises(OSError):
        await ask(names, "a" * 64 + ".example")
    names.close()


async def test_sync_1_forty_receivers_without_a_name_server_do_not_delay_a_healthy_one(resolver):
    """The same through all of the webhooks: real calls, to a real receiver."""
    world, names = World(), Resolver(resolver, error_ttl_s=2.0)
    async with Receiver() as healthy:
        lost = [Receiver() for _ in range(40)]
        for n, one in enumerate(lost):
            one.url = f"http://dead-{n}.example:9/"
        healthy.url = healthy.url.replace("127.0.0.1", "healthy.example")
        allowed = ("127.0.0.1", "healthy.example", *(f"dead-{n}.example" for n in range(40)))
        targets = [target(one, f"lost-{n}", allow_internal=allowed) for n, one in enumerate(lost)]
        service, _ = webhooks(
            world.journal,
            *targets,
            target(healthy, allow_internal=allowed),
            lookup=names,
            time_out_s=60.0,
        )
        service.start()
        world.session("s1", "live")
        await until(lambda: healthy.got and resolver.hanging == 40)
        await service.abandon()
    resolver.let_go()
    names.close()
