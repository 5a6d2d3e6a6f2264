"""The address of `guestd console`: a ticket for one who has the token, the tokens for the ticket."""

from __future__ import annotations

import aiohttp

API, SIMULATOR = "the-token-of-the-api", "the-token-of-the-simulator"


async def post(stack, path, body=None, **headers):
    async with (
        aiohttp.ClientSession(stack.http.url) as session,
        session.post(path, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json(), answer.headers


async def drawn(stack):
    status, found, headers = await post(stack, "/v1/console/tickets", Authorization=f"Bearer {API}")
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert found["url"] == f"{stack.http.url}/{found['fragment']}"
    return found["fragment"].removeprefix("#/login?ticket=")


async def test_the_page_gets_the_tokens_for_its_ticket_once(new_stack):
    async with new_stack(control={"token": API}, api={"token": SIMULATOR}) as stack:
        assert (await post(stack, "/v1/console/tickets"))[0] == 401
        ticket = await drawn(stack)
        status, found, headers = await post(stack, "/v1/console/tokens", {"ticket": ticket})
        assert (status, headers["Cache-Control"]) == (200, "no-store")
        assert found == {"api_token": API, "simulator_token": SIMULATOR}
        status, problem, _ = await post(stack, "/v1/console/tokens", {"ticket": ticket})
        assert (status, problem["code"], problem["field"]) == (401, "unauthorized", "ticket")
        assert "guestd console" in problem["detail"]


async def test_a_page_of_another_site_cannot_exchange_one(new_stack):
    async with new_stack(control={"token": API}) as stack:
        ticket = await drawn(stack)
        given = {"ticket": ticket}
        foreign = await post(stack, "/v1/console/tokens", given, Origin="https://evil.example.org")
        assert foreign[0] == 403
        plain = {"Content-Type": "text/plain"}  # what a form of another site could send
        async with (
            aiohttp.ClientSession(stack.http.url) as session,
            session.post(
                "/v1/console/tokens", data=f'{{"ticket": "{ticket}"}}', headers=plain
            ) as no,
        ):
            assert no.status == 415
        found = (await post(stack, "/v1/console/tokens", given))[1]
        assert found == {"api_token": API, "simulator_token": None}


async def test_without_tokens_the_address_has_no_ticket(new_stack):
    async with new_stack() as stack:
        status, found, _ = await post(stack, "/v1/console/tickets")
        assert (status, found["url"], found["fragment"]) == (201, f"{stack.http.url}/", "")


async def test_the_description_says_that_the_exchange_needs_no_token(new_stack):
    async with new_stack(control={"token": API}) as stack:
        async with (
            aiohttp.ClientSession(stack.http.url) as session,
            session.get("/v1/openapi.json", headers={"Authorization": f"Bearer {API}"}) as answer,
        ):
            paths = (await answer.json())["paths"]
        assert paths["/v1/console/tokens"]["post"]["security"] == []
        assert "security" not in paths["/v1/console/tickets"]["post"]


async def test_where_the_control_api_is_not_on_the_port_there_is_no_console(new_stack, tmp_path):
    socket = tmp_path / "api.sock"
    async with new_stack(control={"tcp": False, "unix_socket": str(socket)}):
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
            session.post("http://localhost/v1/console/tickets") as answer,
        ):
            problem = await answer.json()
            assert (answer.status, problem["code"]) == (404, "not_configured")
