"""Whether the page tells the truth about a guest session that has ended without being asked to, and
about what came last; and whether nothing on it does more than it seems to."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .scenes import until

pytestmark = pytest.mark.timeout(300)

#: Three tries within seven seconds, and the session ends.
SOON_GONE = {
    "GUESTD_RECONNECT__ATTEMPTS_MAX": "3",
    "GUESTD_RECONNECT__JITTER_S": "0",
    "GUESTD_HEARTBEAT__INTERVAL_S": "16",
}


@pytest.fixture
def refused(start):
    """New connections are answered 503; Maria, Ines and Tom have theirs."""
    daemon = start(**SOON_GONE)
    for name in ("maria", "ines", "tom"):
        daemon.open(name)
    daemon.emulate("faults/rules", {"kind": "refuse_upgrade", "every": 1})
    return daemon


def ended_of(daemon):
    return daemon.ask("GET", "/v1/sessions?ended=only")["sessions"]


def test_one_that_could_not_come_back_says_so_everywhere(refused, console):
    daemon = refused
    console.goto(f"{daemon.url}/#/guests/maria")
    expect(console.locator(".talk")).to_contain_text("Live")
    daemon.ask("POST", "/v1/sessions/maria/reconnect", {"how": "abort"})
    daemon.ask("POST", "/v1/sessions/maria/messages", {"text": "Too late", "when_down": "queue"})

    talk = console.locator(".talk")
    expect(talk.locator(".me .meta")).to_contain_text("when the connection is back")
    expect(talk).to_contain_text("(reconnect asked for over /v1) · not back yet, for")
    why = console.get_by_role("region", name="Explanation")
    expect(why).to_contain_text(re.compile(r"the session ends .+: if all fail, in about \d"))
    expect(why.locator("p b").first).to_have_text(re.compile(r"For \d+ s, since \d\d:\d\d:\d\d\."))

    until(lambda: ended_of(daemon))
    expect(talk.locator(".sys.warn")).to_contain_text("did not come back")
    expect(talk).to_contain_text("failed: the guest session ended: it could not connect again")
    expect(talk).not_to_contain_text("not back yet")
    columns = daemon.ask("GET", "/v1/stats?window=60")["history"]["columns"]
    assert sum(columns["throttled.connects"]) == 0 < sum(columns["connects_failed"])

    console.get_by_role("link", name="Overview").first.click()
    attention = console.get_by_role("region", name="Needs attention")
    expect(attention).to_contain_text("all open sessions are live")
    expect(attention).to_contain_text("1 message of this time failed")
    console.get_by_role("link", name="all confirmed but 1").click()
    row = console.get_by_role("option", name="maria")
    expect(row).to_contain_text("Ended: it could not connect again")
    expect(row.locator(".flag.bad")).to_have_text("1 not confirmed")


def test_of_one_that_has_ended_nothing_can_be_pressed_that_would_meet_others(daemon, console):
    for name in ("maria", "ines", "tom"):
        daemon.open(name)
    daemon.say("maria", "Before anybody looked")
    until(lambda: daemon.transcript("maria"))
    daemon.ask("DELETE", "/v1/sessions/maria")
    until(lambda: ended_of(daemon))
    gone = ended_of(daemon)[0]["session_id"]

    console.goto(f"{daemon.url}/#/guests/~{gone}/faults")
    pane = console.locator(".inspect .scroll")
    expect(pane).to_contain_text("The session has ended: nothing of it can break.")
    scope = pane.get_by_role("group", name="On", exact=True)
    expect(scope.get_by_role("button", name="maria")).to_have_attribute("aria-pressed", "true")
    expire = pane.get_by_role("button", name="Expire")
    expect(expire).to_be_disabled()
    scope.get_by_role("button", name="all 2").click()
    expect(expire).to_be_enabled()

    console.get_by_role("tab", name="Agent’s desk").click()
    expect(pane).to_contain_text("The session has ended.")
    for name in ("Send as Leo", "Type for 5 s", "Disconnect", "Read only", "Sign out", "Expire"):
        expect(pane.get_by_role("button", name=name)).to_be_disabled()
    pane.get_by_label("Text", exact=True).fill("To nobody")
    pane.get_by_label("Text", exact=True).press("Enter")
    toast = console.locator(".toast")
    expect(toast).to_have_text("The session has ended")

    console.get_by_role("tab", name="Frames").click()
    expect(pane.or_(console.locator(".inspect .empty"))).to_contain_text("kept for a minute after")
    console.locator(".turn .frames-of").click()
    expect(toast).to_contain_text("Its frame is not there")


def test_what_came_last_has_one_name_and_leads_to_its_frame(start, console):
    daemon = start(GUESTD_HEARTBEAT__INTERVAL_S="16", GUESTD_HEARTBEAT__TIMEOUT_S="8")
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana/events")
    received = console.locator(".why .got")
    expect(received).to_contain_text("nothing yet")
    daemon.say("ana", "And again")
    expect(received).to_contain_text("message Text")
    expect(received).to_contain_text("Last received: health check answered,")
    received.get_by_role("link", name="health check answered").click()
    detail = console.locator(".detail")
    expect(detail).to_contain_text("ping")
    chosen = console.locator("#frames .row[aria-selected=true]")
    expect(chosen).to_contain_text("health check answered")


def test_a_rule_says_on_whom_it_is_and_when_it_is_used_up(daemon, console):
    found = daemon.open("ines")
    daemon.emulate(
        "faults/rules", {"kind": "duplicate", "count": 1, "session": found["session_id"]}
    )
    daemon.say("ines", "Comes twice")
    console.goto(f"{daemon.url}/#/faults")
    rule = console.get_by_role("row", name="duplicate").first
    expect(rule).to_contain_text("the first 1, used up")
    expect(rule.get_by_role("cell", name="ines")).to_be_visible()
    for width in (1280, 390):
        console.set_viewport_size({"width": width, "height": 844})
        for word in (rule.get_by_role("button", name="remove"), rule.locator("td.name bdi")):
            assert word.bounding_box()["height"] < 24, width


#: The address right after it: what is written into it later would undo where somebody went since.
ENTER = """async (field) => {
  await new Promise(requestAnimationFrame)
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }))
  return location.hash
}"""


def test_the_search_opens_the_only_hit_and_the_state_is_seen_on_every_tab(daemon, console):
    for name in ("ines", "tom"):
        daemon.open(name)
    console.goto(daemon.url)
    expect(console.locator(".guests .row")).to_have_count(2)
    console.locator(".guests .row").first.hover()
    daemon.say("tom", "Newer than all")
    expect(console.get_by_role("button", name="1 newer")).to_be_visible()
    expect(console.get_by_role("button", name="New guest")).to_be_visible()
    search = console.get_by_role("searchbox", name="Search guest sessions")
    search.fill("ine")
    assert search.evaluate(ENTER) == "#/guests?q=ine"
    expect(console.get_by_role("heading", name="ines")).to_be_visible()

    console.set_viewport_size({"width": 390, "height": 844})
    console.goto(f"{daemon.url}/#/guests/ines/agent")
    console.get_by_role("button", name="Send as Leo").click()
    toast = console.locator(".toast")
    expect(toast).to_have_text("There is no text to send")
    console.get_by_role("button", name="Type for 5 s").click()
    expect(toast).to_have_count(0, timeout=3000)  # it would stay for eight seconds
    expect(console.get_by_role("button", name="Theme: system")).to_be_visible()
    assert console.evaluate("document.documentElement.scrollWidth") <= 390
    for pane in ("", "/frames", "/events", "/explain", "/agent", "/faults"):
        console.goto(f"{daemon.url}/#/guests/ines{pane}")
        state = console.locator(".state").filter(visible=True)
        expect(state).to_contain_text("live")
        expect(console.get_by_role("button", name="More actions")).to_be_visible()
