"""Asking for the deployment's facts, and keeping them over a restart. The pauses are cut to
nothing, so that no test waits."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from random import Random

import pytest

from guestd.app import deployment_watch
from guestd.app.deployment_file import NAME, DeploymentFile
from guestd.app.deployment_watch import DeploymentWatch
from guestd.model.errors import PlatformRefused, PlatformUnavailable
from guestd.model.ports import DeploymentConfig
from guestd.policy.backoff import Backoff

FACTS = DeploymentConfig(
    auto_start=True, conversation_clear=True, file_types=("image/png",), file_bytes_max=1024
)
AWAY, REFUSED = PlatformUnavailable("away"), PlatformRefused("unknown deployment")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(deployment_watch, "PAUSES", Backoff(base_s=0.0, jitter_s=0.0, cap_s=0.0))


class Story:
    """A watch whose platform gives these answers, one after the other, and what it told."""

    def __init__(self, *answers, is_known=False, may_end=False, tries_max=None):
        self._answers = list(answers)
        self.changed: list[DeploymentConfig] = []
        self.failed: list[Exception] = []
        self.watch = DeploymentWatch(
            self._ask,
            is_known,
            self.changed.append,
            self.failed.append,
            lambda: may_end,
            Random(1),
            tries_max,
        )

    async def _ask(self) -> DeploymentConfig:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def play(self):
        self.watch.start()
        await self.watch._task
        assert not self._answers
        return self


async def test_a_platform_that_is_away_is_asked_until_it_answers(caplog):
    story = await Story(*[AWAY] * 30, FACTS).play()
    assert story.changed == [FACTS] and not story.failed
    assert (story.watch.is_known, story.watch.trouble) == (True, "")
    assert len(caplog.records) == 2, "once when it is away, once when it is back"


async def test_a_refusal_at_a_first_start_ends_it():
    story = await Story(AWAY, REFUSED, may_end=True).play()
    assert story.failed == [REFUSED] and not story.changed and story.watch.answered.is_set()


async def test_a_refusal_with_something_to_lose_does_not():
    story = await Story(REFUSED, REFUSED, FACTS, is_known=True).play()
    assert story.changed == [FACTS] and not story.failed


async def test_one_that_would_rather_end_gives_up():
    story = await Story(AWAY, AWAY, AWAY, tries_max=3).play()
    assert story.failed == [AWAY]


async def test_a_bug_is_told_not_swallowed():
    bug = ValueError("x")
    assert (await Story(bug).play()).failed == [bug]


async def test_the_first_answer_is_known_while_it_goes_on_asking():
    story = Story(AWAY)
    never = asyncio.Event()

    async def ask():
        if story.watch.trouble:
            await never.wait()
        raise AWAY

    story.watch._ask = ask
    story.watch.start()
    await story.watch.answered.wait()
    assert (story.watch.trouble, story.watch.reason) == ("unreachable", "away; try again later")
    await story.watch.stop()


def test_the_platforms_wish_for_a_pause_is_bounded(monkeypatch):
    monkeypatch.setattr(deployment_watch, "PAUSES", Backoff(base_s=1.0, jitter_s=0.0, cap_s=60.0))
    watch = Story().watch
    assert watch._pause_s(PlatformUnavailable("x", retry_after_s=86_400.0), 1) == 60.0
    assert watch._pause_s(PlatformUnavailable("x", retry_after_s=7.0), 1) == 7.0
    assert [watch._pause_s(AWAY, attempt) for attempt in (1, 2, 3, 30)] == [1.0, 2.0, 4.0, 60.0]
    assert watch._pause_s(REFUSED, 1) == 60.0


class TestFile:
    def test_what_is_written_is_read_again_for_its_deployment_only(self, tmp_path):
        DeploymentFile(tmp_path, "https://cdn a").write(FACTS)
        assert DeploymentFile(tmp_path, "https://cdn a").read() == FACTS
        assert DeploymentFile(tmp_path, "https://cdn b").read() is None
        assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
        assert [one.name for one in tmp_path.iterdir()] == [NAME]

    @pytest.mark.parametrize(
        "damaged",
        [
            b"",
            b"{}",
            b"[]",
            b"\xff",
            b"[" * 60_000,
            b'{"address": "a", "facts": null}',
            b'{"address": "a", "facts": {"active": true}}',
            json.dumps({"address": "a", "facts": {**asdict(FACTS), "auto_start": "yes"}}).encode(),
            json.dumps({"address": "a", "facts": {**asdict(FACTS), "file_types": [1]}}).encode(),
            json.dumps({"address": "a", "facts": {**asdict(FACTS), "file_bytes_max": -1}}).encode(),
        ],
    )
    def test_a_damaged_one_means_nothing_is_known(self, tmp_path, damaged):
        (tmp_path / NAME).write_bytes(damaged)
        assert DeploymentFile(tmp_path, "a").read() is None

    def test_a_directory_that_cannot_be_written_is_only_logged(self, tmp_path, caplog):
        DeploymentFile(tmp_path / "none", "a").write(FACTS)
        assert "cannot be written" in caplog.text
        assert DeploymentFile(None, "a").read() is None
