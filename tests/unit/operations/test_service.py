"""The service: who may begin, what the same id means, who waits, what is full, how it leaves."""

from __future__ import annotations

import asyncio

import pytest

from guestd.model.errors import CommandError, NotFound, Overloaded
from guestd.model.records import OperationRecord
from guestd.operations.unavailable import OperationsUnavailable
from tests.reading import at_once

from .conftest import REQUESTS, do, fault


def refusal(world, work, **settings):
    async def story():
        life = world.life(**settings)
        with pytest.raises(CommandError) as error:
            await work(life)
        await life.service.stop()
        return error.value

    return world.run(story())


def test_the_same_id_and_request_is_the_same_operation(world):
    first = do(world, "injection")
    assert do(world, "injection") == first, "another life answers from the journal"
    assert world.made() == {"injection": 1}


def test_the_same_at_the_same_time_is_one_operation(world):
    async def story():
        life = world.life()
        asked = (
            life.service.start("injection", "op-1", REQUESTS["injection"], 10.0) for _ in range(20)
        )
        views = await asyncio.gather(*asked)
        await life.service.stop()
        return views

    views = world.run(story())
    assert all(view == views[0] for view in views) and views[0].status == "succeeded"
    assert world.made() == {"injection": 1}


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("injection", {**REQUESTS["injection"], "interactionId": "another"}),
        ("prompt", REQUESTS["prompt"]),
    ],
)
def test_the_same_id_with_another_request_is_a_conflict(world, kind, request_):
    do(world, "injection")
    error = refusal(world, lambda life: life.service.start(kind, "op-1", request_))
    assert error.code == "conflict" and "use a new id" in str(error)


def test_the_same_id_with_another_token_is_a_conflict(world):
    do(world, "guest")
    error = refusal(
        world,
        lambda life: life.service.start(
            "guest", "op-1", {**REQUESTS["guest"], "guestToken": "other"}
        ),
    )
    assert error.code == "conflict"


@pytest.mark.parametrize("operation_id", ["", "a b", "a\n", "é", "x" * 129, "a/b"])
def test_an_id_that_could_not_be_a_key_is_refused(world, operation_id):
    error = refusal(
        world, lambda life: life.service.start("injection", operation_id, REQUESTS["injection"])
    )
    assert error.field == "operation_id"


def test_nothing_is_seen_before_it_is_durable(world):
    async def story():
        life = world.life(0)
        task = asyncio.ensure_future(life.service.start("injection", "op-1", REQUESTS["injection"]))
        await asyncio.sleep(1.0)
        assert not task.done() and life.service.views() == []
        with pytest.raises(NotFound):
            await life.service.view("op-1")
        await life.service.stop()
        await asyncio.gather(task, return_exceptions=True)

    world.run(story())
    assert not world.twin.calls


def test_an_asker_who_goes_away_changes_nothing(world):
    async def story():
        life = world.life()
        task = asyncio.ensure_future(
            life.service.start("injection", "op-1", REQUESTS["injection"], 10.0)
        )
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(5.0)
        view = await life.service.view("op-1")
        await life.service.stop()
        return view

    assert world.run(story()).status == "succeeded"


def test_one_more_than_the_bound_is_overloaded(world):
    world.twin.faults["interaction.get"] = [fault(503, times=99)]

    async def work(life):
        for n in range(4):
            await life.service.start("injection", f"i{n}", REQUESTS["injection"])

    error = refusal(world, work, under_way_max=3)
    assert isinstance(error, Overloaded) and error.retry_after_s > 0


def test_calls_at_once_are_bounded_and_served_in_order(world):
    most = [0, 0]
    call = world.twin.call

    async def counted(name, **more):
        most[0] += 1
        most[1] = max(most)
        try:
            return await call(name, **more)
        finally:
            most[0] -= 1

    world.twin.call = counted

    async def story():
        life = world.life(calls_inflight_max=5)
        await asyncio.gather(
            *(
                life.service.start("injection", f"i{n:02}", REQUESTS["injection"], 60.0)
                for n in range(40)
            )
        )
        await life.service.stop()

    world.run(story())
    assert most[1] == 5
    order = [int(one.key[1:3]) for one in world.twin.calls if one.key]
    assert all(abs(place - n) < 5 for place, n in enumerate(order)), (
        "first come, first served, five at a time"
    )


def test_a_full_disk_refuses_what_is_new(world):
    world.journal.storage_full = True
    error = refusal(
        world, lambda life: life.service.start("injection", "op-1", REQUESTS["injection"])
    )
    assert error.code == "storage_full" and "until space is freed" in str(error)


def test_wait_is_for_so_long_and_no_longer(world):
    world.twin.faults["interaction.get"] = [fault(503)]

    async def story():
        life = world.life()
        begun = world.loop.time()
        view = await life.service.start("injection", "op-1", REQUESTS["injection"], wait_s=0.5)
        assert view.status == "running" and world.loop.time() - begun == pytest.approx(0.5, abs=0.1)
        view = await life.service.start("injection", "op-1", REQUESTS["injection"], wait_s=60.0)
        assert world.loop.time() - begun < 5.0
        await life.service.stop()
        return view

    assert world.run(story()).status == "succeeded"


def test_lately_over_are_listed_newest_first_and_the_list_is_bounded(world):
    async def story():
        life = world.life(remembered_max=3)
        for n in range(5):
            await life.do("injection", f"i{n}")
            await asyncio.sleep(1.0)
        await life.service.start("prompt", "p1", REQUESTS["prompt"])
        names = [view.operation_id for view in life.service.views()]
        kinds = {view.kind for view in life.service.views("injection")}
        first = await life.service.view("i0")
        await life.service.stop()
        return names, kinds, first

    names, kinds, first = world.run(story())
    assert names == ["p1", "i4", "i3", "i2"] and kinds == {"injection"}
    assert first.status == "succeeded", "the journal still has it"


def test_unknown_is_not_found(world):
    async def story():
        life = world.life()
        with pytest.raises(NotFound):
            await life.service.view("nobody")
        with pytest.raises(NotFound):
            await life.service.end("nobody")
        await life.service.stop()

    world.run(story())


@pytest.mark.parametrize("kind", ["injection", "guest"])
def test_what_ends_by_itself_cannot_be_ended(world, kind):
    async def work(life):
        await life.service.start(kind, "op-1", REQUESTS[kind])
        await life.service.end("op-1")

    assert refusal(world, work).code == "conflict"


def test_drain_stops_between_two_steps_and_the_next_life_goes_on(world):
    async def story():
        first = world.life()
        await first.service.start("guest", "op-1", REQUESTS["guest"])
        await asyncio.sleep(0.07)
        assert await first.service.drain(5.0) == 1
        with pytest.raises(CommandError) as error:
            await first.service.start("guest", "op-2", REQUESTS["guest"])
        assert error.value.code == "draining"
        done = len(world.twin.calls)
        assert 0 < done < 3
        await asyncio.sleep(60.0)
        assert len(world.twin.calls) == done
        await first.service.stop()
        second = world.life()
        assert (await second.service.recover()) == 1
        return await second.do("guest")

    assert world.run(story()).status == "succeeded"
    assert len(world.twin.calls) == 3, "no step was made twice"


def test_drain_can_say_goodbye_for_every_session(world):
    async def story():
        life = world.life()
        for n in range(5):
            await life.service.start(
                "messaging", f"m{n}", {**REQUESTS["messaging"], "durationS": 1800}, 5.0
            )
        left = await life.service.drain(5.0, end_sessions=True)
        await life.service.stop()
        return left

    assert world.run(story()) == 0
    assert [one["goodbyes"] for one in world.twin.made["conversation"]] == [1] * 5


def test_an_operation_of_an_unknown_kind_is_left_alone(world, caplog):
    async def story():
        life = world.life()
        await life.appender.save(OperationRecord("old", "poem", b"{}"))
        assert (await life.service.recover()) == 0
        await life.service.stop()

    world.run(story())
    assert "does not know" in caplog.text and not at_once(world.journal.operation("old")).over


def test_a_bug_of_ours_ends_the_operation_and_says_so(world, caplog):
    world.twin.answers["interaction.get"] = 7
    view = do(world, "injection")
    assert (view.status, view.problem["code"]) == ("uncertain", "uncertain")
    assert view.problem["cause"] == "internal" and "our bug" in caplog.text


async def test_without_keys_the_service_says_which_keys_are_missing():
    service = OperationsUnavailable("set platform.client_id and platform.client_secret_file")
    with pytest.raises(
        CommandError, match=r"platform\.client_id and platform\.client_secret_file"
    ) as error:
        await service.start("injection", "op-1", REQUESTS["injection"])
    assert error.value.code == "not_configured" and service.views() == ()
    with pytest.raises(NotFound):
        await service.view("op-1")


def test_what_was_asked_for_before_the_revival_is_not_begun_twice(world):
    async def story():
        life = world.life()
        await life.service.start("injection", "op-1", REQUESTS["injection"])
        await life.service.recover()
        view = await life.do("injection")
        await life.service.stop()
        return view

    assert world.run(story()).status == "succeeded"
    assert [call.name for call in world.twin.calls] == ["interaction.get", "interaction.inject"]


def test_what_is_over_is_listed_again_after_a_restart_newest_first(world):
    async def story():
        first = world.life(remembered_max=3)
        for n in range(5):
            await first.do("injection", f"i{n}")
            await asyncio.sleep(1.0)
        await first.service.stop()
        second = world.life(remembered_max=3)
        assert (await second.service.recover()) == 0
        return [(view.operation_id, view.status) for view in second.service.views("injection")]

    assert world.run(story()) == [("i4", "succeeded"), ("i3", "succeeded"), ("i2", "succeeded")]
