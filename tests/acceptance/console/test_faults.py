"""Faults by buttons and by rules; and the emulator's own page, without a guestd."""

from __future__ import annotations

import json
import urllib.request

import pytest
from playwright.sync_api import expect

from .scenes import until

pytestmark = pytest.mark.timeout(300)


def test_a_fault_once_and_by_rule(daemon, console):
    page = console
    page.set_viewport_size({"width": 1280, "height": 800})
    daemon.open("ana")
    page.goto(f"{daemon.url}/#/guests/ana/faults")
    page.get_by_role("button", name="Duplicate next message twice").click()
    expect(page.locator(".inspect .command")).to_contain_text('"kind":"duplicate"')
    until(lambda: daemon.ask("GET", "/__emulator/faults", base=daemon.emulator)["rules"])
    daemon.say("ana", "Comes twice")
    frames = page.get_by_role("tab", name="Frames")
    frames.click()
    rows = page.get_by_role("listbox", name="Frames of this session")
    expect(rows.get_by_role("option", name="StructuredMessage Text")).to_have_count(2)
    expect(rows.get_by_role("option", name="repeated, shown once")).to_have_count(1)
    expect(rows.get_by_role("option").last).to_contain_text("repeated, shown once")
    expect(page.locator(".talk .bubble", has_text="Comes twice")).to_have_count(1)

    page.get_by_role("tab", name="Faults").click()
    recent = page.locator(".group", has_text="Injected recently")
    expect(recent).to_contain_text("came twice; shown once")
    page.get_by_role("button", name="Drop TCP reset").click()
    expect(page.locator(".talk")).to_contain_text("restored after")
    expect(recent).to_contain_text("restored after")
    expect(recent).to_contain_text("duplicate")

    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Kind").select_option("reorder")
    page.get_by_label("How much").fill("0.1")
    page.get_by_role("button", name="Add", exact=True).click()
    rule = page.get_by_role("row", name="reorder 1 in 10 ana")
    expect(rule).to_be_visible()
    rule.get_by_role("button", name="remove").click()
    expect(page.locator(".inspect")).to_contain_text("nothing breaks by itself")


def test_a_fault_on_all_asks_once_and_names_the_number(daemon, console):
    for name in ("ana", "bruno", "cleo"):
        daemon.open(name)
    console.goto(f"{daemon.url}/#/faults")
    console.get_by_role("button", name="Close 1001").click()
    dialog = console.get_by_role("dialog")
    expect(dialog).to_contain_text("all 3 guest sessions")
    dialog.get_by_role("button", name="Close 1001 3 sessions").click()
    expect(console.locator(".group", has_text="Injected recently")).to_contain_text("cleo")


def test_the_emulator_alone_shows_both_sides(daemon, console):
    daemon.open("ana")
    daemon.send("ana", "Hello from the guest")
    page = console
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{daemon.emulator}/__emulator/#/guests/ana")
    expect(page.locator(".talk")).to_contain_text("Hello from the guest")
    form = page.get_by_role("form", name="Answer as the agent")
    form.get_by_label("Text", exact=True).fill("Hello from the desk")
    form.get_by_role("button", name="Send as Leo").click()
    expect(page.locator(".talk")).to_contain_text("Hello from the desk")
    page.get_by_role("tab", name="Faults").click()
    page.get_by_role("button", name="Drop TCP reset").click()
    with urllib.request.urlopen(f"{daemon.emulator}/__emulator/faults") as answer:
        assert json.loads(answer.read())["injected"] == {"drop": 1}
