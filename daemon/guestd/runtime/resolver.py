"""Names to addresses, without one slow name delaying another.

The system's resolver blocks a thread for as long as its name server is silent, half a minute and
more, and cannot be called back. So names are kept apart by what is known of them, each class with
its own number of threads:

    answered    answered the last time; never waits for a name of another class
    new         not known yet; one waits once as many dead ones hang as there are threads
    failing     did not answer in time, or with an error; they delay only each other: one that
                answers again waits while as many dead ones as there are threads hang, ten seconds
                a round with the usual two tries of five

A failing name keeps its place in line when its callers give up: those that come back for a moment
now and then would else meet busy threads each time, and a name that answers again would not be
found out while as many others stay dead as there are threads. The line is first come, first served,
so each has its turn when those before it have had theirs. An answer without a caller left is kept
for the next one.

A name is asked by one thread at a time, and all callers share that answer. How long an address or
an error is remembered is the user's choice: a webhook's addresses are checked and used for one
connection and asked for again at the next, a platform's are good for half a minute of dials.

`localhost`, `*.localhost` and `*.test` may be local by definition (RFC 6761): then they are never
asked of DNS, and an emulator under a made-up name needs no entry anywhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

ANSWERED, NEW, FAILING = "answered", "new", "failing"

#: Threads of each class: 104 at most, made when they are needed. A resolver's thread costs some 100
#: kB. `new` is the largest, for at a start with all name servers away every receiver's name is new;
#: with 32 for `failing`, a name that answers again among 100 dead ones is found in half a minute.
THREADS = {ANSWERED: 8, NEW: 64, FAILING: 32}

#: Names of which something is known; the one not asked for the longest time is forgotten first, and
#: becomes new again.
NAMES_KEPT_MAX = 1024

#: How long an answer without a caller left is kept for the next one, in seconds: a circuit that is
#: open asks again within it.
LATE_KEPT_S = 60.0

#: A failing name that was answered within so many seconds is as good as any that answers, though
#: nobody waited so long for its turn.
QUICK_S = 2.0

#: host → addresses, blocking. Raises OSError.
Ask = Callable[[str], Sequence[str]]


def is_local_name(host: str) -> bool:
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith((".localhost", ".test"))


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def ask_system(host: str) -> list[str]:
    """What the machine's own resolver says: /etc/hosts, name servers, as it is configured."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@dataclass(slots=True)
class _Class:
    """Threads of one class, and the questions that wait for one."""

    threads_max: int
    running: int = 0
    waiting: deque[_Question] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Question:
    host: str
    of: _Class
    answer: asyncio.Future[list[str]]
    wanted_by: int = 0
    is_running: bool = False
    asked_at: float = 0.0


@dataclass(slots=True)
class _Known:
    """`error`, or else `addresses`, is the answer until `until`."""

    class_name: str = NEW
    error: OSError | None = None
    addresses: Sequence[str] = ()
    until: float = 0.0


class Resolver:
    """`await resolver(host, port)`: addresses, in the order to try them. Raises OSError.

    Waiting questions are bounded by their callers, and those of failing names by `NAMES_KEPT_MAX`;
    any other name whose last caller gave up is not asked if its turn has not come. `ttl_s`: how
    long addresses are kept; `error_ttl_s`: how long an error is, which should be shorter than any
    pause between two tries that matters. `local_names`: whether RFC 6761 decides, and not the
    system."""

    def __init__(
        self,
        ask: Ask = ask_system,
        *,
        ttl_s: float = 0.0,
        error_ttl_s: float = 0.0,
        local_names: bool = False,
    ) -> None:
        self._ask = ask
        self._ttl_s = ttl_s
        self._error_ttl_s = error_ttl_s
        self._local_names = local_names
        self._classes = {name: _Class(threads) for name, threads in THREADS.items()}
        self._questions: dict[str, _Question] = {}
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def __call__(self, host: str, port: int) -> list[str]:
        if is_address(host):
            return [host]
        if self._local_names and is_local_name(host):
            return ["127.0.0.1", "::1"]
        loop = asyncio.get_running_loop()
        known = self._known_of(host)
        if loop.time() < known.until:
            if known.error is not None:
                raise type(known.error)(*known.error.args) from known.error
            known.until = min(known.until, loop.time() + self._ttl_s)  # a late answer serves once
            return list(known.addresses)
        question = self._questions.get(host)
        if question is None:
            question = self._put(host, self._classes[known.class_name], loop)
        question.wanted_by += 1
        try:
            return list(await asyncio.shield(question.answer))
        except asyncio.CancelledError:
            known.class_name = FAILING
            raise
        finally:
            question.wanted_by -= 1
            self._drop_if_unwanted(question)

    def close(self) -> None:
        """Forget what waits. Threads that still ask end by themselves, and hold up no exit."""
        for one in self._classes.values():
            one.waiting.clear()
        for question in self._questions.values():
            question.answer.cancel()
        self._questions.clear()

    # ------------------------------------------------------------------

    def _known_of(self, host: str) -> _Known:
        known = self._known.setdefault(host, _Known())
        self._known.move_to_end(host)
        if len(self._known) > NAMES_KEPT_MAX:
            self._known.popitem(last=False)
        return known

    def _put(self, host: str, of: _Class, loop: asyncio.AbstractEventLoop) -> _Question:
        question = self._questions[host] = _Question(host, of, loop.create_future())
        of.waiting.append(question)
        self._start_waiting(of, loop)
        return question

    def _start_waiting(self, of: _Class, loop: asyncio.AbstractEventLoop) -> None:
        while of.waiting and of.running < of.threads_max:
            question = of.waiting.popleft()
            of.running += 1
            question.is_running, question.asked_at = True, loop.time()
            run = threading.Thread(
                target=self._in_thread, args=(question, loop), name="resolve", daemon=True
            )
            run.start()

    def _in_thread(self, question: _Question, loop: asyncio.AbstractEventLoop) -> None:
        found: list[str] | OSError
        try:
            found = list(dict.fromkeys(self._ask(question.host)))
        except OSError as error:
            found = error
        except ValueError as error:  # a name that the resolver cannot even encode
            found = OSError(str(error))
        try:
            loop.call_soon_threadsafe(self._answered, question, found, loop)
        except RuntimeError:
            return  # the loop is closed, and with it every caller

    def _answered(
        self, question: _Question, found: list[str] | OSError, loop: asyncio.AbstractEventLoop
    ) -> None:
        question.of.running -= 1
        self._questions.pop(question.host, None)
        known = self._known_of(question.host)
        if isinstance(found, OSError):
            known.class_name, known.error, known.addresses = FAILING, found, ()
            known.until = loop.time() + self._error_ttl_s
        else:
            now = loop.time()
            known.error, known.addresses = None, found
            known.until = now + (self._ttl_s if question.wanted_by else LATE_KEPT_S)
            if question.wanted_by or now - question.asked_at <= QUICK_S:
                known.class_name = ANSWERED
        if not question.answer.done():
            if isinstance(found, OSError):
                question.answer.set_exception(found)
                question.answer.exception()  # seen, also if every caller has given up
            else:
                question.answer.set_result(found)
        self._start_waiting(question.of, loop)

    def _drop_if_unwanted(self, question: _Question) -> None:
        if question.wanted_by or question.is_running or question.answer.done():
            return
        line = question.of.waiting
        if question.of is self._classes[FAILING] and len(line) <= NAMES_KEPT_MAX:
            return
        line.remove(question)
        del self._questions[question.host]
