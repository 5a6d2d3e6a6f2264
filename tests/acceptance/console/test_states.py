"""Every state of the page that is not the usual one, and every address by itself."""

from __future__ import annotations

import json
import re
import signal

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(300)

TOKEN = "a-token-of-enough-length"


def fulfil(page, path, **body):
    """Answers that path in the daemon's place."""
    page.route(
        f"**/{path}",
        lambda route: route.fulfill(body=json.dumps(body), content_type="application/json"),
    )


def changed(page, path, change):
    """Answers as the daemon does, but for what `change` changes."""

    def answer(route):
        found = route.fetch()
        body = found.json()
        change(body)
        route.fulfill(response=found, body=json.dumps(body))

    page.route(f"**/{path}", answer)


def test_without_guests_the_page_says_what_it_is_and_opens_the_first(daemon, console):
    console.goto(daemon.url)
    empty = console.locator(".listpane .empty")
    expect(empty).to_contain_text("No guest session is open")
    expect(empty.locator("code")).to_contain_text(f"curl -s -X POST {daemon.url}/v1/sessions")
    console.get_by_role("button", name="Open the first guest").click()
    expect(console.get_by_role("heading", name="ana")).to_be_visible()
    assert console.url.endswith("#/guests/ana")


def test_while_the_list_is_loading_there_are_rows_without_content(daemon, console):
    waiting = []
    console.route("**/v1/sessions?*", lambda route: waiting.append(route))
    console.goto(daemon.url)
    expect(console.locator(".listpane .bone").first).to_be_visible()
    for route in waiting:
        route.continue_()
    expect(console.locator(".listpane .empty")).to_be_visible()


def test_what_matches_nothing_names_the_ended_ones_that_do(daemon, console):
    gone = daemon.open("parcel-1")["session_id"]
    daemon.open("ana")
    daemon.ask("DELETE", "/v1/sessions/parcel-1")
    console.goto(f"{daemon.url}/#/guests?q=parcel")
    expect(console.locator(".listpane .empty h2")).to_have_text("Nothing matches “parcel”")
    console.get_by_role("button", name="1 ended session with it").click()
    console.get_by_role("option", name="parcel-1").click()
    expect(console.locator(".say.over")).to_contain_text("Ended")
    assert gone in console.url


def test_a_search_among_the_ended_names_the_open_ones_and_the_order_stays_chosen(daemon, console):
    daemon.open("parcel-1")
    console.goto(daemon.url)
    console.get_by_role("button", name="Ended").click()
    console.get_by_role("searchbox", name="Search guest sessions").fill("parcel")
    order = console.get_by_role("combobox", name="Order")
    expect(order).to_have_value("attention")
    console.get_by_role("button", name="1 open session with it").click()
    expect(console.get_by_role("option", name="parcel-1")).to_be_visible()
    chosen = console.locator(".states").get_by_role("button", name="Open")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(order).to_have_value("attention")


def test_one_that_has_ended_is_counted_at_once(daemon, console):
    daemon.open("ana")
    console.goto(daemon.url)
    expect(console.get_by_role("option", name="ana")).to_be_visible()
    ended = console.get_by_role("button", name="Ended")
    expect(ended).to_contain_text("0")
    daemon.ask("DELETE", "/v1/sessions/ana")
    expect(ended).to_contain_text("1")
    ended.click()
    expect(console.get_by_role("option", name="ana")).to_be_visible()


def test_an_ended_session_is_read_only_and_a_new_one_knows_the_earlier(daemon, console):
    daemon.open("ana")
    daemon.say("ana", "Goodbye")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".talk")).to_contain_text("Goodbye")
    daemon.emulate("expire", {"guest": "ana"})
    expect(console.locator(".say.over")).to_contain_text("Ended")
    expect(console.locator(".say.over")).to_contain_text("session expired")
    assert console.get_by_role("textbox", name="Message as ana").count() == 0
    console.get_by_role("button", name="Open a new one of this name").click()
    expect(console.locator(".hint-line")).to_contain_text("1 earlier session of this name")
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()
    console.locator(".hint-line a").click()
    expect(console.locator(".talk")).to_contain_text("Goodbye")


def test_a_guest_that_is_not_there_can_be_opened(daemon, console):
    console.goto(f"{daemon.url}/#/guests/nobody-yet")
    expect(console.locator(".talkpane .empty")).to_contain_text("No open guest session")
    console.get_by_role("button", name="Open it").click()
    expect(console.get_by_role("textbox", name="Message as nobody-yet")).to_be_visible()


def test_the_daemon_is_stopped_and_started_and_nothing_is_loaded_again(start, console):
    daemon = start()
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    console.evaluate("window.isTheSamePage = true")
    expect(console.locator(".talk")).to_contain_text("Live")
    daemon.program.interrupt(signal.SIGKILL)
    daemon.program.wait()
    expect(console.locator(".notice.bad")).to_contain_text("guestd does not answer since")
    expect(console.locator(".talk")).to_contain_text("Live")
    expect(console.locator(".talkbox.stale")).to_be_visible()
    composer = console.get_by_role("textbox", name="Message as ana")
    composer.fill("Written while it was away")
    composer.press("Enter")

    again = start("--port", daemon.url.rpartition(":")[2])
    assert again.url == daemon.url
    expect(console.locator(".notice.bad")).to_have_count(0)
    expect(console.locator(".talk")).to_contain_text("Written while it was away")
    assert console.evaluate("window.isTheSamePage")


def restarted(start, daemon, journal):
    """The same address, and another journal: nothing of its former life is known."""
    port = daemon.url.rpartition(":")[2]
    return start("--port", port, GUESTD_JOURNAL__DIRECTORY=str(journal))


def killed(daemon, console):
    daemon.program.interrupt(signal.SIGKILL)
    daemon.program.wait()
    expect(console.locator(".notice.bad")).to_contain_text("guestd does not answer since")


def test_what_a_daemon_started_anew_does_not_know_is_drawn_as_ended(start, console, tmp_path):
    daemon = start()
    daemon.open("ana")
    daemon.say("ana", "Said in its former life")
    console.goto(f"{daemon.url}/#/guests/ana/frames")
    expect(console.locator(".talk")).to_contain_text("Said in its former life")
    killed(daemon, console)
    (tmp_path / "other").mkdir()
    again = restarted(start, daemon, tmp_path / "other")
    expect(console.locator(".say.over")).to_contain_text("Ended")
    expect(console.locator(".talkpane .state")).to_have_text("ended")
    expect(console.locator(".talk")).to_contain_text("Said in its former life")
    assert console.get_by_role("textbox", name="Message as ana").count() == 0
    again.open("ana")
    again.say("ana", "Said in its new life")
    console.get_by_role("button", name="Show the new one of this name").click()
    expect(console.locator(".talk")).to_contain_text("Said in its new life")
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()


def test_a_row_of_a_daemon_that_is_no_more_leads_to_the_new_session(start, console, tmp_path):
    """The list is that of the old one until it has been asked for anew."""
    daemon = start()
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".talk")).to_contain_text("Live")
    killed(daemon, console)
    held, passing = [], []

    def hold(route):
        if passing:
            route.continue_()
        else:
            held.append(route)

    console.route(re.compile(r"/v1/sessions\?.*sort="), hold)
    (tmp_path / "other").mkdir()
    again = restarted(start, daemon, tmp_path / "other")
    expect(console.locator(".say.over")).to_contain_text("Ended")
    row = console.get_by_role("option", name="ana")
    row.click()
    expect(console.locator(".talkpane .empty")).to_contain_text("No open guest session")
    again.open("ana")
    again.say("ana", "Said in its new life")
    while not held:
        console.wait_for_timeout(100)
    passing.append(True)
    held[-1].continue_()
    expect(console.locator(".talk")).to_contain_text("Said in its new life")
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()


def test_what_it_waits_for_is_asked_at_once_when_its_state_changes(daemon, console):
    """Of the stream of explanations, which comes each second, only the first one comes here."""
    explanations = []

    def only_one_explanation(socket):
        def heard(text):
            if '"topic":"explain"' in text and '"kind":"data"' in text:
                explanations.append(text)
                if len(explanations) > 1:
                    return
            socket.send(text)

        socket.connect_to_server().on_message(heard)

    console.route_web_socket(re.compile("/v1/watch"), only_one_explanation)
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    why = console.get_by_role("region", name="Explanation")
    expect(why).to_contain_text("Waits for nothing")
    connection = why.locator("dd").first
    expect(connection).to_contain_text("1st")
    daemon.emulate("drop", {"guest": "ana"})
    expect(connection).to_contain_text("2nd")
    expect(why).to_contain_text("Waits for nothing")


def test_a_conversation_opened_while_the_daemon_was_away_comes_with_it(start, console, tmp_path):
    daemon = start()
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".talk")).to_contain_text("Live")
    killed(daemon, console)
    for view in ("Overview", "Faults"):
        console.get_by_role("link", name=view).first.click()
    for _ in range(2):
        console.go_back()
    expect(console.locator(".talkpane .problem-line")).to_contain_text("does not answer")
    assert "Nothing was said yet" not in console.locator(".talk").inner_text()
    (tmp_path / "other").mkdir()
    restarted(start, daemon, tmp_path / "other")
    expect(console.locator(".talkpane .empty")).to_contain_text("No open guest session")


def test_a_token_is_asked_for_refused_and_taken(start, console):
    daemon = start(token=TOKEN, GUESTD_SIMULATOR__TOKEN=TOKEN)
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    field = console.get_by_role("textbox", name="Token")
    field.fill("not-this-one-but-long")
    field.press("Enter")
    expect(console.get_by_role("alert")).to_contain_text("token")
    field.fill(TOKEN)
    field.press("Enter")
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()
    console.get_by_role("textbox", name="Message as ana").fill("With a token")
    console.get_by_role("button", name="Send", exact=True).click()
    expect(console.locator(".turn.me")).to_contain_text("confirmed")
    assert console.evaluate("[document.cookie, sessionStorage.length]") == ["", 0]
    console.reload()
    console.get_by_role("textbox", name="Token").fill(TOKEN)
    console.get_by_role("checkbox", name="Keep it in this tab").check()
    console.get_by_role("button", name="Continue").click()
    expect(console.get_by_role("option", name="ana")).to_be_visible()
    console.reload()
    expect(console.get_by_role("option", name="ana")).to_be_visible()


def test_a_simulator_with_another_token_is_no_hindrance(start, console):
    daemon = start(token=TOKEN, GUESTD_SIMULATOR__TOKEN="another-token-of-enough-length")
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    console.get_by_role("textbox", name="Token").fill(TOKEN)
    console.get_by_role("button", name="Continue").click()
    console.get_by_role("textbox", name="Message as ana").fill("Over the API")
    console.get_by_role("button", name="Send", exact=True).click()
    expect(console.locator(".turn.me")).to_contain_text("confirmed")


@pytest.mark.parametrize(
    ("status", "code", "line"),
    [(403, "origin_refused", "simulator.origins_allowed"), (421, "no_such_host", "hosts_allowed")],
)
def test_a_page_that_is_not_allowed_is_told_what_would_allow_it(
    daemon, console, status, code, line
):
    problem = {"status": status, "code": code, "detail": "this page is not allowed here"}
    console.route(
        "**/v1/info", lambda route: route.fulfill(status=status, body=json.dumps(problem))
    )
    console.goto(daemon.url)
    expect(console.locator("main")).to_contain_text("this page is not allowed here")
    expect(console.locator("main")).to_contain_text(line)


def test_a_real_org_has_no_desk_and_is_named_on_what_is_said_there(daemon, console):
    def real(body):
        body["target"] |= {"kind": "platform", "name": "mypurecloud.de"}
        body["emulator"] = None

    changed(console, "v1/info", real)
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana/agent")
    expect(console.locator(".inspect")).to_contain_text("guestd emulate")
    expect(console.get_by_role("button", name="End in mypurecloud.de")).to_be_visible()
    expect(console.get_by_role("button", name="Send to mypurecloud.de")).to_be_visible()
    expect(console.locator(".tag")).to_have_text("mypurecloud.de")
    console.get_by_role("button", name="End in mypurecloud.de").first.click()
    expect(console.get_by_role("dialog")).to_contain_text("The agent is told")
    console.get_by_role("button", name="Cancel").click()
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()


@pytest.mark.parametrize(
    ("reason", "words"),
    [("platform_unreachable", "platform"), ("storage_full", "disk"), ("draining", "stopping")],
)
def test_what_the_daemon_says_of_itself_is_a_line_at_the_top(daemon, console, reason, words):
    fulfil(console, "readyz", ready=False, reason=reason)
    console.goto(daemon.url)
    expect(console.locator(".notice")).to_contain_text(words)


def test_an_unknown_event_is_shown_as_json_and_counted(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana/events")
    expect(console.locator(".talk")).to_contain_text("Live")
    console.evaluate(
        """async () => {
          const { talk } = await import(new URL('console/app.js', document.baseURI).href)
          talk.value.take({ kind: 'parcel', seq: 9000, weight: 3 })
        }"""
    )
    expect(console.locator(".talk")).to_contain_text('"weight":3')
    expect(console.locator(".problem-line")).to_contain_text("1 event of the unknown kind parcel")


CHANGED_AFTER_ITS_DRAWING = """async () => {
  const { Cell, useSources } = await import(new URL('console/store.js', document.baseURI).href)
  const { html, render } = await import(new URL('console/ui.js', document.baseURI).href)
  const [cell, place] = [new Cell('before'), document.createElement('div')]
  const Shown = () => {
    useSources(cell)
    return html`<p>${cell.value}</p>`
  }
  render(html`<${Shown} />`, place)
  cell.set('after')
  await new Promise((done) => setTimeout(done, 1000))
  return place.textContent
}"""


def test_what_changes_between_a_drawing_and_its_watching_is_drawn(daemon, console):
    console.goto(daemon.url)
    assert console.evaluate(CHANGED_AFTER_ITS_DRAWING) == "after"


ROUTES = {
    "#/guests": "Guest sessions",
    "#/guests?state=live&sort=name": "By name",
    "#/guests/ana": "Message as ana",
    "#/guests/ana/frames?filter=-echo": "Filter frames",
    "#/guests/ana/events?seq=1": "Event 1",
    "#/guests/ana/explain": "Waits for nothing",
    "#/guests/ana/agent": "Answer as the agent",
    "#/guests/ana/faults": "Inject once",
    "#/overview?window=5m": "Messages per second",
    "#/faults": "Inject once",
}


def until_shown(page, text):
    """In the page, or chosen in a list of choices."""
    inside = """() => document.querySelector('main').outerHTML +
      [...document.querySelectorAll('select')].map((one) => one.selectedOptions[0]?.text)"""
    for _ in range(100):
        if text in page.evaluate(inside):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"no {text!r} at {page.url}")


def test_each_address_shows_its_view_by_itself_and_by_back(daemon, console):
    daemon.open("ana")
    for address, text in ROUTES.items():
        console.goto("about:blank")
        console.goto(f"{daemon.url}/{address}")
        until_shown(console, text)
    for address in ROUTES:
        console.evaluate(f"location.hash = {json.dumps(address)}")
    for address, text in reversed(ROUTES.items()):
        assert console.evaluate("location.hash") == address
        until_shown(console, text)
        console.evaluate("history.back()")
        console.wait_for_timeout(200)


def test_one_lost_connection_a_second_is_not_drawn_as_none(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/overview?window=5m")
    plot = console.get_by_role("img", name="Lost connections and 429 per second")
    expect(plot.locator("text").first).to_have_text("0")
    daemon.emulate("drop", {"guest": "ana"})
    line = plot.locator("path.ln.a")
    expect(line).to_have_attribute("d", re.compile(r" 10\.0"))


def test_a_link_by_id_is_one_session_for_ever(daemon, console):
    session = daemon.open("ana")["session_id"]
    console.goto(f"{daemon.url}/#/guests/~{session}")
    expect(console.get_by_role("textbox", name="Message as ana")).to_be_visible()


def test_two_tabs_at_once_show_the_same(daemon, console):
    daemon.open("ana")
    other = console.context.new_page()
    for page in (console, other):
        page.goto(f"{daemon.url}/#/guests/ana/frames")
        expect(page.locator(".talk")).to_contain_text("Live")
    console.get_by_role("textbox", name="Message as ana").fill("Said in one tab")
    console.get_by_role("button", name="Send", exact=True).click()
    expect(other.locator(".turn.me")).to_contain_text("Said in one tab")
    expect(other.locator(".turn.me")).to_contain_text("confirmed")
    expect(other.get_by_role("option", name=re.compile("Said in one tab"))).to_be_visible()
    other.close()


def test_live_updates_are_paused_and_go_on(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".talk")).to_contain_text("Live")
    console.get_by_role("button", name="Pause live updates").click()
    daemon.say("ana", "Said while it was paused")
    console.goto(f"{daemon.url}/#/overview")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".notice")).to_contain_text("paused")
    console.get_by_role("button", name="Go on", exact=True).click()
    expect(console.locator(".talk")).to_contain_text("Said while it was paused")


def test_the_list_stands_still_under_the_pointer(daemon, console):
    for name in ("ana", "bruno", "cleo"):
        daemon.open(name)
    console.goto(daemon.url)
    rows = console.locator(".guests .row")
    expect(rows).to_have_count(3)
    first = rows.first.inner_text()
    rows.nth(1).hover()
    daemon.say("ana", "newer")
    expect(console.get_by_role("button", name="newer")).to_be_visible()
    console.wait_for_timeout(2500)
    assert rows.first.inner_text().splitlines()[0] == first.splitlines()[0]
    console.mouse.move(700, 400)
    expect(rows.first).to_contain_text("ana")
