"""Free pages are given back when they are many, a few at a time, and not at all while they are soon
used again."""

from __future__ import annotations

from guestd.journal.shrink import FREE_PAGES_MIN, LOOK_S, STEP_PAGES, STEP_S, FilePages, ShrinkPace


def given_back(
    pace: ShrinkPace, pages: FilePages, seconds: float, in_pause: bool = False
) -> tuple[FilePages, int]:
    """What is left after that time, looked at each hundredth of a second; and how many steps it
    took."""
    steps = 0
    for n in range(int(seconds * 100)):
        while pace.is_due(n / 100, in_pause):
            step = pace.step_pages(pages, n / 100)
            if not step:
                break
            steps += 1
            pages = FilePages(pages.total - step, pages.free - step)
            if not in_pause:
                break
    return pages, steps


def test_few_free_pages_stay():
    few = FREE_PAGES_MIN - 1
    for pages in (
        FilePages(0, 0),
        FilePages(100, few),
        FilePages(FREE_PAGES_MIN, few),
        FilePages(100_000, 6_000),
    ):
        assert given_back(ShrinkPace(), pages, 60.0) == (pages, 0)


def test_many_go_until_a_small_share_is_left_and_no_further():
    left, _ = given_back(ShrinkPace(), FilePages(100_000, 60_000), 600.0)
    assert left.total - left.free == 40_000
    assert 0.02 < left.free / left.total < 0.031


def test_under_load_steps_are_small_and_apart():
    pages, steps = given_back(ShrinkPace(), FilePages(10**7, 9 * 10**6), 60.0)
    assert steps <= 60.0 / STEP_S + 1
    assert pages.total == 10**7 - steps * STEP_PAGES


def test_in_a_pause_one_step_follows_the_other():
    left, steps = given_back(ShrinkPace(), FilePages(100_000, 60_000), 0.02, in_pause=True)
    assert steps > 500 and left.free <= 0.05 * left.total


def test_where_nothing_is_to_be_given_back_nobody_looks_more_than_once_a_second():
    pace, looks = ShrinkPace(), 0
    for n in range(1000):
        if pace.is_due(n / 100, in_pause=True):
            looks += 1
            pace.step_pages(FilePages(100_000, 5_000), n / 100)
    assert looks == 10 / LOOK_S
