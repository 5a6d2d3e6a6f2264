"""The console's page and its files: where they are served, to whom, and with which headers."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from guestd.console.page_files import page_files

from .emulator_client import emulating
from .frontend_client import frame, open_frontend

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FOREIGN = "https://evil.example.org"
TOKEN = "a-token-of-enough-length"

#: Word for word as designed: a directive that is missing is a protection that is missing.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


async def ask(url, path, method="GET", **headers):
    """Status, headers and body; the path is sent as it is, and no redirect is followed."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{url}{path}", headers=headers, allow_redirects=False) as answer,
    ):
        return answer.status, answer.headers, await answer.read()


async def raw(url, target, *lines):
    """The answer to a request line that no client would write."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    head = "".join(f"{line}\r\n" for line in (f"Host: {host}:{port}", *lines, "Connection: close"))
    writer.write(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 30.0)
    writer.close()
    return answer.decode()


def secured(headers):
    return {name: headers.get(name) for name in HEADERS} == HEADERS


class TestThePage:
    async def test_a_browser_gets_the_page_and_a_program_the_text_of_before(self, new_stack):
        async with new_stack() as stack:
            status, headers, body = await ask(stack.http.url, "/", Accept=BROWSER)
            assert (status, body) == (200, page_files()["index.html"].body)
            assert headers["Content-Type"] == "text/html; charset=utf-8"
            assert secured(headers) and headers["Vary"] == "Accept"
            for accept in ("*/*", "text/plain", "application/json", ""):
                status, headers, body = await ask(stack.http.url, "/", Accept=accept)
                assert status == 200 and body.startswith(b"guestd's simulator"), accept
                assert headers["Vary"] == "Accept"

    async def test_an_upgrade_is_the_simulator_whatever_it_accepts(self, new_stack):
        async with (
            new_stack() as stack,
            open_frontend(stack, "?guest=ana", additional_headers={"Accept": BROWSER}) as socket,
        ):
            assert (await frame(socket))["kind"] == "hello"

    async def test_the_page_needs_no_token_and_what_it_asks_for_does(self, new_stack):
        async with new_stack(control={"token": TOKEN}, api={"token": TOKEN}) as stack:
            url = stack.http.url
            assert (await ask(url, "/", Accept=BROWSER))[0] == 200
            assert (await ask(url, "/console/main.js"))[0] == 200
            assert (await ask(url, "/"))[0] == 401
            assert (await ask(url, "/v1/sessions"))[0] == 401

    async def test_without_the_control_api_there_is_no_console(self, new_stack):
        async with new_stack(control={"tcp": False}) as stack:
            url = stack.http.url
            assert (await ask(url, "/", Accept=BROWSER))[2].startswith(b"guestd's simulator")
            assert (await ask(url, "/console/main.js"))[0] == 404


class TestTheFiles:
    async def test_every_file_has_its_type_its_tag_and_the_headers(self, new_stack):
        types = {"js": "text/javascript", "mjs": "text/javascript", "css": "text/css"}
        async with new_stack() as stack:
            for name, known in page_files().items():
                status, headers, body = await ask(stack.http.url, f"/console/{name}")
                assert (status, body) == (200, known.body), name
                assert secured(headers) and headers["ETag"] == f'"{known.etag}"', name
                wanted = types.get(name.rsplit(".", 1)[-1])
                assert wanted is None or headers["Content-Type"].startswith(wanted), name

    async def test_what_the_client_has_is_not_sent_again(self, new_stack):
        async with new_stack() as stack:
            url = stack.http.url
            tag = (await ask(url, "/console/main.js"))[1]["ETag"]
            for path in ("/console/main.js", "/"):
                own = (await ask(url, path, Accept=BROWSER))[1]["ETag"]
                for given in (own, f"W/{own}", f'"other", {own}', "*"):
                    status, headers, body = await ask(
                        url, path, Accept=BROWSER, **{"If-None-Match": given}
                    )
                    assert (status, body) == (304, b""), (path, given)
                    assert headers["ETag"] == own and secured(headers)
            other = await ask(url, "/console/main.css", **{"If-None-Match": tag})
            assert other[0] == 200

    async def test_head_tells_the_length_and_sends_nothing(self, new_stack):
        async with new_stack() as stack:
            for path in ("/", "/console/main.js"):
                _, whole, body = await ask(stack.http.url, path, Accept=BROWSER)
                status, headers, nothing = await ask(stack.http.url, path, "HEAD", Accept=BROWSER)
                assert (status, nothing) == (200, b"") and secured(headers)
                assert int(headers["Content-Length"]) == len(body)
                assert headers["ETag"] == whole["ETag"]

    @pytest.mark.parametrize(
        "target",
        [
            "/console/../page_files.py",
            "/console/../../api/server.py",
            "/console/%2e%2e/page_files.py",
            "/console/..%2fpage_files.py",
            "/console/vendor/../../page_server.py",
            "/console/%2fetc%2fpasswd",
            "/console//etc/passwd",
            "/console/vendor",
            "/console/vendor/VENDORED.toml",
            "/console/main.js%00.css",
            "/console/nothing.js",
        ],
    )
    async def test_no_path_leads_out_of_the_folder(self, new_stack, target):
        async with new_stack() as stack:
            answer = await raw(stack.http.url, target)
            assert answer.split()[1] in ("400", "404"), answer
            assert "import" not in answer and "root:" not in answer

    async def test_what_people_type_leads_to_the_page(self, new_stack):
        async with new_stack() as stack:
            status, headers, _ = await ask(stack.http.url, "/console")
            assert (status, headers["Location"]) == (302, "./")


class TestWhoMayHaveThem:
    async def test_another_host_name_or_a_foreign_page_gets_neither(self, new_stack):
        async with new_stack() as stack:
            url = stack.http.url
            for path in ("/", "/console/main.js"):
                rebound = await ask(url, path, Accept=BROWSER, Host="evil.example.org")
                foreign = await ask(url, path, Accept=BROWSER, Origin=FOREIGN)
                assert (rebound[0], foreign[0]) == (421, 403), path
            linked = await ask(url, "/console/main.js", **{"Sec-Fetch-Site": "cross-site"})
            assert linked[0] == 403

    async def test_a_link_on_another_site_opens_the_page(self, new_stack):
        """A view is an address to be shared; the page can be shown alone, but not in a frame."""
        async with new_stack() as stack:
            fetched = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
            status, headers, _ = await ask(stack.http.url, "/", Accept=BROWSER, **fetched)
            assert status == 200 and secured(headers)

    async def test_other_pages_may_not_read_the_consoles_files(self, new_stack):
        async with new_stack() as stack:
            page = "http://localhost:5173"
            _, headers, _ = await ask(stack.http.url, "/console/main.js", Origin=page)
            assert "Access-Control-Allow-Origin" not in headers


class TestTheEmulator:
    async def test_a_browser_gets_the_page_and_a_program_the_routes(self):
        async with emulating() as emulator:
            status, headers, body = await ask(emulator.url, "/__emulator/", Accept=BROWSER)
            assert (status, body) == (200, page_files()["index.html"].body)
            assert secured(headers)
            status, _, body = await ask(emulator.url, "/__emulator/")
            assert status == 200 and b'"routes"' in body
            status, headers, body = await ask(emulator.url, "/__emulator/console/main.js")
            assert (status, body) == (200, page_files()["main.js"].body) and secured(headers)
            assert (await ask(emulator.url, "/__emulator/console/nothing.js"))[0] == 404

    async def test_what_people_type_leads_to_the_page(self):
        async with emulating() as emulator:
            for path in ("/", "/__emulator"):
                status, headers, _ = await ask(emulator.url, path, Accept=BROWSER)
                assert (status, headers["Location"]) == (302, "./__emulator/")
                assert (await ask(emulator.url, path))[0] == 200

    async def test_the_guard_of_the_admin_api_guards_the_page(self):
        async with emulating() as emulator:
            for path in ("/__emulator/", "/__emulator/console/main.js"):
                rebound = await ask(emulator.url, path, Accept=BROWSER, Host="evil.example.org")
                foreign = await ask(emulator.url, path, Accept=BROWSER, Origin=FOREIGN)
                assert (rebound[0], foreign[0]) == (421, 403), path


class TestTheClient:
    async def test_a_page_of_another_port_may_import_it_and_a_foreign_one_may_not(self, new_stack):
        async with new_stack(control={"token": TOKEN}) as stack:
            for path, name in (("/client.js", "client.js"), ("/client.d.ts", "client.d.ts")):
                page = "http://localhost:5173"
                status, headers, body = await ask(stack.http.url, path, Origin=page)
                assert (status, body) == (200, page_files()[name].body)
                assert headers["Access-Control-Allow-Origin"] == page
                assert headers["Vary"] == "Origin" and secured(headers)
                assert (await ask(stack.http.url, path, Origin=FOREIGN))[0] == 403
                linked = {"Sec-Fetch-Site": "cross-site"}
                assert (await ask(stack.http.url, path, **linked))[0] == 403

    async def test_it_is_there_where_the_simulator_is_and_the_control_api_is_not(self, new_stack):
        async with new_stack(control={"tcp": False}) as stack:
            assert (await ask(stack.http.url, "/client.js"))[0] == 200
