"""Whatever others write is text: markup, scripts, characters that change the order, very much."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(300)

MARKUP = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
OVERRIDE = "user\u202egnp.exe\u202c end"
ADDRESS = "javascript:document.title='broken'"
REPLIES = [[f"Choice {n} <b>{n}</b>", f"p{n}"] for n in range(500)]

REPORTS = """document.addEventListener('securitypolicyviolation', (e) => {
  (window.reports ??= []).push(`${e.violatedDirective} ${e.blockedURI}`)
})"""


def test_hostile_texts_stay_text(daemon, console):
    page = console
    page.add_init_script(REPORTS)
    daemon.emulate("settings", {"limits": {"agent_text_characters": None}})
    daemon.open("ana", attributes={"tier": MARKUP, "note": OVERRIDE})
    page.goto(f"{daemon.url}/#/guests/ana")
    talk = page.get_by_role("log", name="Messages")
    expect(talk).to_contain_text("Live")

    daemon.say("ana", MARKUP, nickname=MARKUP)
    expect(talk).to_contain_text(MARKUP)
    daemon.say("ana", OVERRIDE)
    daemon.say("ana", "x" * 4000 + " end")
    expect(talk.get_by_role("button", name="Show all")).to_be_visible()
    daemon.say("ana", "Which?", quick_replies=REPLIES)
    expect(talk.locator(".quick button")).to_have_count(21)
    talk.get_by_role("button", name="480 more").click()
    expect(talk.locator(".quick button")).to_have_count(500)
    expect(talk).to_contain_text("Choice 499 <b>499</b>")
    daemon.say(
        "ana",
        "",
        content=[
            {
                "contentType": "Card",
                "card": {
                    "title": MARKUP,
                    "description": OVERRIDE,
                    "image": ADDRESS,
                    "actions": [
                        {"type": "Link", "text": "hostile", "url": ADDRESS},
                        {"type": "Postback", "text": MARKUP, "payload": MARKUP},
                    ],
                },
            },
            {"contentType": "Parcel", "parcel": {"<b>": MARKUP}},
        ],
    )
    expect(talk.locator(".card")).to_contain_text(MARKUP)
    expect(talk.get_by_role("button", name="hostile")).to_be_disabled()
    expect(talk.locator(".unknown")).to_contain_text("Parcel")

    page.get_by_role("textbox", name="Message as ana").fill(MARKUP)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(talk.locator(".turn.me")).to_contain_text(MARKUP)
    for pane in ("events", "frames", "agent"):
        page.goto(f"{daemon.url}/#/guests/ana/{pane}?seq=3")
        expect(page.get_by_role("tabpanel")).to_be_visible()
    page.goto(f"{daemon.url}/#/guests?q={MARKUP}-of-another")
    expect(page.locator(".listpane .empty")).to_contain_text("<img src=x")

    assert page.title().startswith("Guests")
    assert page.locator(".talk img, .talk script, .talk b b").count() == 0
    assert page.evaluate("window.reports ?? []") == []
    hrefs = page.eval_on_selector_all("a[href]", "all => all.map((a) => a.protocol)")
    assert set(hrefs) <= {"http:", "https:"}


def test_a_message_of_a_hundred_thousand_characters_is_cut_until_asked_for(start, console):
    daemon = start()
    settings = {"limits": {"agent_text_characters": None}, "frame_bytes_max": 1_000_000}
    daemon.emulate("settings", settings)
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    daemon.say("ana", "long " * 20_000)
    bubble = console.locator(".talk .bubble .text")
    expect(bubble).to_be_visible()
    assert len(bubble.inner_text()) < 5000
    console.get_by_role("button", name="Show all 100,000 characters").click()
    assert len(bubble.text_content()) == 100_000


def test_a_file_with_a_hostile_name_is_named_and_saved_as_bytes(daemon, console):
    daemon.open("ana")
    console.goto(f"{daemon.url}/#/guests/ana")
    name = "<b>page.html"
    file = {"name": name, "mimeType": "text/html", "buffer": MARKUP.encode()}
    console.locator(".say input[type=file]").set_input_files(file)
    shown = console.locator(".turn.me .file")
    expect(shown).to_contain_text(name)
    expect(console.locator(".turn.me")).to_contain_text("confirmed")
    shown.get_by_role("button", name="Show the text").click()
    expect(shown.locator("pre")).to_contain_text("<script>")
    with console.expect_download() as saved:
        shown.get_by_role("button", name=f"Save {name}").click()
    assert saved.value.url.startswith("blob:")
    assert console.title().startswith("ana")
