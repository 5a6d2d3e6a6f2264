"""What somebody asks who has never seen the page: which guest session is stuck and why, what ends
that, what came last, and whether the page tells the truth a moment later."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests import axe

from .scenes import until

pytestmark = pytest.mark.timeout(300)

#: A half-open connection is noticed within 16 s, and kept for longer than the test.
PATIENT = {
    "GUESTD_HEARTBEAT__INTERVAL_S": "16",
    "GUESTD_HEARTBEAT__TIMEOUT_S": "300",
    "GUESTD_MESSAGES__CONFIRM_TIMEOUT_S": "300",
    "GUESTD_SESSIONS__LEAVE_TIMEOUT_S": "300",
}


def half_open(daemon, guest):
    daemon.emulate("inject", {"guest": guest, "kind": "half_open"})


@pytest.fixture
def stuck(start):
    """Ana and Cleo are half-open, of whom Cleo has never heard anything; Bruno is well."""
    daemon = start(**PATIENT)
    for name in ("ana", "bruno", "cleo"):
        daemon.open(name)
    daemon.say("ana", "The last that came")
    until(lambda: daemon.transcript("ana"))
    for name in ("ana", "cleo"):
        half_open(daemon, name)
        daemon.send(name, "Does anybody hear me?")
    daemon.say("bruno", "The newest of all")
    return daemon


def test_a_stuck_session_is_marked_and_first_and_says_what_ends_its_wait(stuck, console):
    console.goto(f"{stuck.url}/#/guests/ana")
    rows = console.locator(".guests .row")
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("bruno")
    ana = console.get_by_role("option", name="ana")
    expect(ana.locator(".flag")).to_have_text(re.compile(r"no answer for \d+ s"))
    expect(ana.locator(".dot.live")).to_have_count(0)
    cleo = console.get_by_role("option", name="cleo")
    expect(cleo.locator(".last")).to_have_text("1 message not confirmed yet")
    expect(console.locator(".talkpane .state")).to_contain_text("no answer for")

    why = console.get_by_role("region", name="Explanation")
    for sentence in ("platform's echo of 1 message", "answer to a heartbeat"):
        expect(why.get_by_role("heading", name=sentence)).to_be_visible()
    expect(why.get_by_role("button")).to_have_count(0)
    ends = re.compile(r"For \d+ .+, since \d\d:\d\d:\d\d\. Over at the latest in \d")
    expect(why.locator("p b").first).to_have_text(ends)
    expect(why).to_contain_text(re.compile(r"Last received: .+ \d\d:\d\d:\d\d, .+ ago"))
    expect(why.locator("dl div", has_text="Heartbeat").locator("dd")).to_have_text("under way")
    detail = re.compile(r"sent ([\d.]+ \w+) ago")
    before = detail.search(why.inner_text())[1]
    until(lambda: detail.search(why.inner_text())[1] != before)


@axe.needed
def test_axe_finds_nothing_on_a_stuck_session(stuck, browser):
    with browser.new_page(reduced_motion="reduce") as page:
        page.goto(f"{stuck.url}/#/guests/ana")
        for name in ("ana", "cleo"):
            flag = page.get_by_role("option", name=name).locator(".flag")
            expect(flag).to_contain_text("no answer for")
        for theme in axe.in_each_theme(page):
            assert axe.violations(page, axe.SERIOUS) == [], theme


def test_one_that_was_asked_to_end_does_not_look_live(stuck, console):
    console.goto(f"{stuck.url}/#/guests/cleo")
    end = console.locator(".talkpane .sure")
    end.click()
    console.wait_for_timeout(400)
    end.click()
    state = console.locator(".talkpane .state")
    expect(state).to_contain_text("ending")
    expect(state).not_to_contain_text("live")
    expect(console.locator(".talk")).to_contain_text("Asked to end")
    expect(console.get_by_role("option", name="cleo").locator(".dot.live")).to_have_count(0)
    console.reload()
    expect(state).to_contain_text("ending")


def test_what_came_last_is_said_without_the_frames(daemon, console):
    daemon.open("ana")
    daemon.say("ana", "Hello")
    until(lambda: daemon.transcript("ana"))
    console.goto(f"{daemon.url}/#/guests/ana/events")
    why = console.get_by_role("region", name="Explanation")
    expect(why).to_contain_text("Last received: message Text")
    daemon.say("ana", "And again")
    expect(why.get_by_role("link", name="message Text")).to_be_visible()


def test_the_counts_fit_what_is_listed(daemon, console):
    for name in ("ana", "bruno"):
        daemon.open(name)
    console.goto(daemon.url)
    rows = console.locator(".guests .row")
    expect(rows).to_have_count(2)
    states = console.locator(".states")
    expect(states.get_by_role("button", name="Open")).to_have_text("2Open")
    for name in ("ana", "bruno"):
        daemon.ask("DELETE", f"/v1/sessions/{name}")
    expect(states.get_by_role("button", name="Open")).to_have_text("0Open")
    expect(states.get_by_role("button", name="Ended")).to_have_text("2Ended")
    expect(rows).to_have_count(0)
    states.get_by_role("button", name="Ended").click()
    expect(rows).to_have_count(2)
    console.get_by_role("searchbox", name="Search guest sessions").fill("bru")
    expect(rows).to_have_count(1)
    expect(states.get_by_role("button", name="Ended")).to_have_text("1Ended")
    expect(states.get_by_role("button", name="Open")).to_have_text("0Open")


def test_the_order_that_was_chosen_is_there_on_returning(daemon, console):
    daemon.open("ana")
    console.goto(daemon.url)
    order = console.get_by_role("combobox", name="Order")
    order.select_option("name")
    nav = console.get_by_role("navigation", name="Main", exact=True)
    nav.get_by_role("link", name="Overview").click()
    nav.get_by_role("link", name="Guests").click()
    expect(order).to_have_value("name")
    console.goto("about:blank")
    console.goto(daemon.url)
    expect(order).to_have_value("name")


def test_the_faults_of_others_and_their_counts_are_seen_as_they_come(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana/faults")
    expect(console.locator(".inspect")).to_contain_text("seed")  # it has been read
    daemon.emulate("faults/rules", {"kind": "duplicate", "every": 1, "guest": "ana"})
    rule = console.get_by_role("row", name="duplicate")
    expect(rule.first).to_contain_text("0")
    daemon.say("ana", "Comes twice")
    expect(rule.first.locator("td.num").first).to_have_text("1")


#: While it is there: it goes by itself.
PLACE_OF_TOAST = """(text) => {
  const toast = document.querySelector('.toast')
  if (toast?.textContent !== text) return null
  const { top, bottom } = toast.getBoundingClientRect()
  return [top, bottom]
}"""


def test_a_notice_covers_nothing_that_is_read(daemon, console):
    daemon.open("ana")
    for width in (1280, 390):
        console.set_viewport_size({"width": width, "height": 844})
        console.goto(f"{daemon.url}/#/guests/ana/agent")
        console.get_by_label("Text", exact=True).fill("Said by the desk")
        console.get_by_role("button", name="Send as Leo").click()
        top, bottom = console.wait_for_function(PLACE_OF_TOAST, arg="Sent as Leo").json_value()
        assert top >= 0 and bottom <= 48, (width, top, bottom)
    said = console.locator(".inspect .group", has_text="Said last")
    expect(said).to_contain_text("Leo: Said by the desk")


def test_directions_are_in_and_out_everywhere(daemon, console):
    daemon.open("ana")
    daemon.send("ana", "Hello from the guest")
    until(lambda: daemon.transcript("ana"))
    daemon.say("ana", "Hello from the desk")
    console.goto(f"{daemon.url}/#/guests/ana/events")
    rows = console.get_by_role("listbox", name="Events of this session")
    expect(rows).to_contain_text("out · Hello from the guest")
    expect(rows).to_contain_text("in · Hello from the desk")
    expect(rows).not_to_contain_text("bound")
