"""The service manager's socket: never waited for, and what matters gets there in the end."""

from __future__ import annotations

import socket

import pytest

from guestd.app.systemd import KEPT_MAX, Notifier


@pytest.fixture
def manager(tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield listener


def read_all(manager) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


def fill(notifier) -> None:
    for number in range(10_000):
        notifier.status(str(number))


def test_a_manager_that_does_not_read_is_not_waited_for_and_hears_it_later(manager):
    notifier = Notifier()
    fill(notifier)
    notifier.ready("up")
    notifier.stopping("draining")
    assert not any("READY" in one for one in read_all(manager))
    notifier.retry()
    assert [one.split("\n")[0] for one in read_all(manager)] == ["READY=1", "STOPPING=1"]
    notifier.retry()
    assert read_all(manager) == []


def test_what_is_kept_is_bounded(manager):
    notifier = Notifier()
    fill(notifier)
    for _ in range(3 * KEPT_MAX):
        notifier.extend(1.0)
    read_all(manager)
    notifier.retry()
    assert len(read_all(manager)) == KEPT_MAX


def test_a_status_cannot_smuggle_in_another_assignment(manager):
    Notifier().status("platform: bad\nREADY=1")
    assert read_all(manager) == ["STATUS=platform: bad READY=1"]


def test_without_a_manager_nothing_is_kept(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.ready("up")
    notifier.retry()


@pytest.mark.parametrize(
    "given", ["²", "٣", "9" * 5000, "-1", "1e6", "0", ""], ids=lambda one: one[:5]
)
def test_a_watchdog_time_that_is_not_a_number_is_no_watchdog(monkeypatch, given):
    monkeypatch.setenv("WATCHDOG_USEC", given)
    assert Notifier().watchdog_s is None
