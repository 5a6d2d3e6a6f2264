"""One conversation from both sides, in a browser; then with the keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .scenes import picture, until

pytestmark = pytest.mark.timeout(300)

#: A second press within so long is the other half of a double click.
DOUBLE_CLICK_MS = 350

DROP = """async ([selector, name, type, bytes]) => {
  const data = new DataTransfer()
  data.items.add(new File([new Uint8Array(bytes)], name, { type }))
  const target = document.querySelector(selector)
  for (const kind of ['dragenter', 'dragover', 'drop'])
    target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }))
}"""


def says(page, kind, text="", fill=None):
    """Speaks at the agent's desk."""
    desk = page.get_by_role("form", name="Answer as the agent")
    desk.get_by_role("button", name=kind, exact=True).click()
    desk.get_by_label("Text", exact=True).fill(text)
    for label, value in (fill or {}).items():
        desk.get_by_label(label, exact=True).fill(value)
    desk.get_by_role("button", name="Send as Leo").click()


def shown(page):
    """The texts of the conversation's bubbles, in order."""
    return page.locator(".talk .bubble > .text").all_inner_texts()


def test_a_whole_conversation_from_both_sides(daemon, console):
    page = console
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(daemon.url)
    page.get_by_role("button", name="Open the first guest").click()
    talk = page.get_by_role("log", name="Messages")
    expect(talk).to_contain_text("Live")

    composer = page.get_by_role("textbox", name="Message as ana")
    composer.fill("Where is my parcel?")
    composer.press("Enter")
    expect(talk.locator(".turn.me")).to_contain_text("confirmed")

    page.get_by_role("tab", name="Agent’s desk").click()
    says(page, "Text", "Hello Ana, I am Leo.")
    expect(talk).to_contain_text("Hello Ana, I am Leo.")
    says(
        page,
        "Quick replies",
        "What shall I do?",
        {"Label 1": "Deliver it", "Payload 1": "deliver", "Label 2": "Keep it"},
    )
    says(page, "Card", "It is here:", {"Title": "Parcel shop", "Description": "Open until 20:00"})
    expect(talk.locator(".card")).to_contain_text("Parcel shop")

    talk.get_by_role("button", name="Deliver it").click()
    expect(talk.get_by_role("button", name="Deliver it")).to_be_disabled()
    expect(talk.get_by_role("button", name="Deliver it")).to_have_attribute("aria-pressed", "true")
    expect(talk.locator(".turn.me").nth(1)).to_contain_text("quick reply")
    expect(talk.locator(".turn.me").nth(1)).to_contain_text("confirmed")

    page.evaluate(DROP, [".talkpane", "door.png", "image/png", list(picture())])
    mine = talk.locator(".turn.me .file")
    expect(mine).to_contain_text("door.png")
    expect(talk.locator(".turn.me").nth(2)).to_contain_text("confirmed")
    expect(mine.locator("img")).to_have_attribute("src", re.compile("^blob:"))

    page.get_by_role("button", name="Drop connection").click()
    expect(talk).to_contain_text("restored after")
    composer.fill("Are you still there?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(talk.locator(".turn.me").nth(3)).to_contain_text("confirmed")

    page.get_by_role("button", name="End", exact=True).focus()
    press_until_over(page)
    expect(page.get_by_role("button", name="Open a new one of this name")).to_be_visible()

    session = daemon.ask("GET", "/v1/sessions?ended=only")["sessions"][0]["session_id"]
    over = [one["text"] for one in daemon.transcript(session) if one["kind"] == "message"]
    assert shown(page) == [text for text in over if text]
    assert over == [
        "Where is my parcel?",
        "Hello Ana, I am Leo.",
        "What shall I do?",
        "It is here:",
        "Deliver it",
        "",
        "Are you still there?",
    ]


def test_the_frames_of_a_message_are_one_click_away(daemon, console):
    page = console
    daemon.open("ana")
    page.goto(f"{daemon.url}/#/guests/ana")
    composer = page.get_by_role("textbox", name="Message as ana")
    composer.fill("Which frame is mine?")
    composer.press("Enter")
    page.get_by_role("button", name="confirmed").click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text("onMessage")
    expect(detail).to_contain_text("Which frame is mine?")
    expect(page.locator(".turn.marked")).to_contain_text("Which frame is mine?")
    expect(page.locator(".frames .row.mark")).to_have_count(1)  # the echo, by its tracing id
    page.get_by_role("textbox", name="Filter frames").fill("-onMessage")
    rows = page.get_by_role("listbox", name="Frames of this session")
    expect(rows).not_to_contain_text("onMessage")
    expect(rows).to_contain_text("StructuredMessage")


def test_frames_that_are_not_kept_are_a_row_in_their_place(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana/frames")
    expect(console.locator(".frames .empty")).to_contain_text("recorded from now on")
    console.goto("about:blank")
    for n in range(210):  # the daemon keeps the newest 200
        daemon.say("ana", f"Line {n}")
    until(lambda: daemon.ask("GET", "/v1/sessions/ana/frames?limit=200")["frames"][0]["n"] >= 10)
    console.goto(f"{daemon.url}/#/guests/ana/frames")
    rows = console.get_by_role("listbox", name="Frames of this session")
    expect(rows.get_by_role("option").last).to_contain_text("StructuredMessage")
    rows.press("Home")
    expect(rows.locator(".skipped")).to_have_text(re.compile(r"^…\d+ frames not kept$"))
    console.get_by_role("textbox", name="Filter frames").fill('"Line 209"')
    expect(rows.locator(".skipped")).to_have_count(1)
    expect(rows.get_by_role("option")).to_have_count(2)


def test_what_is_not_sent_yet_waits_with_its_guest(daemon, console):
    daemon.open("bruno")
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    console.get_by_role("textbox", name="Message as ana").fill("Half a sentence")
    console.get_by_role("option", name="bruno").click()
    expect(console.get_by_role("textbox", name="Message as bruno")).to_have_value("")
    console.get_by_role("option", name="ana").click()
    expect(console.get_by_role("textbox", name="Message as ana")).to_have_value("Half a sentence")
    console.get_by_role("textbox", name="Message as ana").press("Enter")
    expect(console.get_by_role("textbox", name="Message as ana")).to_have_value("")


def test_an_own_message_is_seen_when_it_is_sent_from_further_up(daemon, console):
    daemon.open("ana")
    for n in range(40):
        daemon.say("ana", f"Line {n}")
    console.goto(f"{daemon.url}/#/guests/ana")
    talk = console.get_by_role("log", name="Messages")
    expect(talk).to_contain_text("Line 39")
    talk.evaluate("one => one.scrollTo({ top: 0 })")
    console.wait_for_timeout(200)
    composer = console.get_by_role("textbox", name="Message as ana")
    composer.fill("And mine")
    composer.press("Enter")
    expect(talk.locator(".turn.me")).to_be_in_viewport()


def test_the_end_is_asked_for_within_its_button_and_not_asked_for_ever(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    expect(console.locator(".talk")).to_contain_text("Live")
    end = console.get_by_role("button", name="End", exact=True)
    asked = console.get_by_role("button", name="End now?")
    box = end.bounding_box()
    end.dblclick()
    expect(asked).to_be_visible()
    now = asked.bounding_box()
    assert now["x"] + now["width"] == box["x"] + box["width"]  # it stays under the pointer
    expect(end).to_be_visible()  # after a moment
    end.click()
    console.get_by_role("textbox", name="Message as ana").focus()
    expect(end).to_be_visible(timeout=1500)
    assert daemon.ask("GET", "/v1/sessions/ana")["state"] == "live"


def press_until_over(page):
    """The question is forgotten after three seconds, which a busy machine may take."""
    over = page.locator(".say.over")
    for _ in range(20):
        page.wait_for_timeout(DOUBLE_CLICK_MS)
        if over.count():
            break
        page.keyboard.press("Enter")
    expect(over).to_contain_text("Ended")


def test_the_end_with_the_keys_and_from_the_menu(daemon, console):
    for name in ("ana", "bruno"):
        daemon.open(name)
    key = console.keyboard
    console.goto(f"{daemon.url}/#/guests/ana")
    console.get_by_role("button", name="End", exact=True).focus()
    key.press("Enter")
    expect(console.get_by_role("button", name="End now?")).to_be_focused()
    key.press("Escape")
    expect(console.get_by_role("button", name="End", exact=True)).to_be_focused()
    press_until_over(console)
    console.goto(f"{daemon.url}/#/guests/bruno")
    expect(console.get_by_role("textbox", name="Message as bruno")).to_be_visible()
    console.get_by_role("button", name="More actions").focus()
    key.press("Enter")
    expect(console.get_by_role("menuitem").first).to_be_focused()
    key.press("End")
    expect(console.get_by_role("menuitem", name="End the session")).to_be_focused()
    key.press("Enter")
    expect(console.get_by_role("menuitem", name="End it now?")).to_be_focused()
    assert daemon.ask("GET", "/v1/sessions/bruno")["state"] == "live"
    press_until_over(console)


BOTH_AT_ONCE = """for (const key of ["j", "Enter"]) {
  const more = { bubbles: true, cancelable: true }
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, ...more }))
}"""


def test_a_key_does_not_wait_for_the_drawing_of_the_one_before(daemon, console):
    daemon.open("ana")
    console.goto(daemon.url)
    expect(console.locator(".guests .row")).to_have_count(1)
    console.evaluate(f"() => {{ {BOTH_AT_ONCE} }}")
    expect(console.get_by_role("heading", name="ana")).to_be_visible(timeout=15_000)


def test_a_conversation_with_the_keyboard_alone(daemon, console):
    page, key = console, console.keyboard
    daemon.open("bruno")
    daemon.open("ana")
    page.goto(daemon.url)
    expect(page.locator(".guests .row")).to_have_count(2)
    key.press("/")
    key.type("bru")
    expect(page.locator(".guests .row")).to_have_count(1)
    key.press("Escape")
    key.press("j")
    key.press("Enter")
    expect(page.get_by_role("heading", name="bruno")).to_be_visible()
    key.press("i")
    expect(page.get_by_role("textbox", name="Message as bruno")).to_be_focused()
    key.type("Hello from the keys")
    key.press("Enter")
    expect(page.locator(".turn.me")).to_contain_text("confirmed")
    key.press("Escape")
    key.press("a")
    expect(page.get_by_role("tab", name="Agent’s desk")).to_be_focused()
    for _ in range(20):
        key.press("Tab")
        if page.evaluate("document.activeElement.id") == "agent-text":
            break
    key.type("Hello from the desk")
    key.press("Enter")
    expect(page.locator(".talk")).to_contain_text("Hello from the desk")
    key.press("Escape")
    key.press("f")
    expect(page.get_by_role("listbox", name="Frames of this session")).to_be_focused()
    key.press("]")
    key.press("[")
    expect(page.locator(".detail")).to_contain_text("Frame")
    key.press("e")
    expect(page.get_by_role("heading", name="Waits for nothing")).to_be_visible()
    key.press("x")
    expect(page.get_by_role("tab", name="Faults")).to_have_attribute("aria-selected", "true")
    key.press("?")
    expect(page.get_by_role("dialog", name="Keyboard and help")).to_be_visible()
    key.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    key.press("g")
    key.press("o")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
