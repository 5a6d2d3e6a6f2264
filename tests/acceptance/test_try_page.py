"""The page on which the control API is tried, in a real browser, of a daemon that runs as a
program."""

from __future__ import annotations

import secrets

from tests.browser import browser, page

__all__ = ["browser", "page"]


def test_a_route_is_tried_from_the_page_and_nothing_is_fetched_from_elsewhere(run, page):
    url = run("serve", "--port", "0").url()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    page.goto(f"{url}/docs")
    page.wait_for_selector("#operations-sessions-openSession")
    assert page.locator(".opblock").count() > 30
    page.click("#operations-about-showStats, #operations-sessions-listSessions")
    page.click("button.try-out__btn")
    page.click("button.execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
    assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []
    assert refused == []


def test_where_there_is_a_token_the_page_asks_for_it(run, page, config):
    token = secrets.token_hex(32)
    url = run("serve", "-c", config(f'[api]\ntoken = "{token}"\n'), "--port", "0").url()
    page.goto(f"{url}/docs")
    page.fill("#token", "not-the-token")
    page.click("#access button")
    page.wait_for_selector("#problem:has-text('not the token')")
    page.fill("#token", token)
    page.click("#access button")
    page.click("#operations-sessions-listSessions")
    page.click("button.try-out__btn")
    page.click("button.execute")
    page.wait_for_selector(".live-responses-table .response-col_status:has-text('200')")
