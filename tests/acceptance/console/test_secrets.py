"""No secret is anywhere in the page: not in what it draws, its address, its storage, or what it
copies."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(300)

TOKEN = "a-token-of-enough-length"
SIGNED = re.compile(r"[?&](sig|X-Amz-Signature|token)=[0-9a-fA-F]{8,}")
JWT = re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.")

ALL = """() => [document.documentElement.outerHTML, location.href, document.cookie,
  JSON.stringify(localStorage), JSON.stringify(sessionStorage),
  [...document.querySelectorAll('input, textarea')].map((one) => one.value).join(' ')].join('\\n')"""


def guest_tokens(daemon):
    return list(daemon.ask("GET", "/__emulator/state", base=daemon.emulator)["sessions"])


def test_no_secret_is_drawn_or_kept_or_copied(start, console, tmp_path):
    daemon = start(token=TOKEN, GUESTD_SIMULATOR__TOKEN=TOKEN)
    daemon.open("ana")
    page = console
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{daemon.url}/#/guests/ana/frames")
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".talk")).to_contain_text("Live")
    file = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"a note"}
    page.locator(".say input[type=file]").set_input_files(file)
    expect(page.locator(".turn.me")).to_contain_text("confirmed")
    daemon.emulate("drop", {"guest": "ana"})
    expect(page.locator(".talk")).to_contain_text("restored after")

    seen, copied = [page.evaluate(ALL)], []
    rows = page.get_by_role("listbox", name="Frames of this session").get_by_role("option")
    expect(rows.first).to_be_visible()
    for n in range(rows.count()):
        rows.nth(n).click()
        seen.append(page.evaluate(ALL))
        for what in ("JSON", "curl", "Link"):
            button = page.locator(".detail").get_by_role("button", name=what)
            if button.count():
                button.click()
                expect(page.locator(".toast").last).to_be_visible()
                copied.append(page.evaluate("navigator.clipboard.readText()"))
    page.goto(f"{daemon.url}/#/guests/ana/events")
    events = page.get_by_role("listbox", name="Events of this session").get_by_role("option")
    for n in range(events.count()):
        events.nth(n).click()
        seen.append(page.evaluate(ALL))
    everything = "\n".join(seen + copied)
    assert "tracingId" in everything and "$GUESTDCTL_TOKEN" in everything
    for secret in (TOKEN, *guest_tokens(daemon)):
        assert secret not in everything
    assert SIGNED.search(everything) is None
    assert JWT.search(everything) is None
