"""How a browser comes to the console without a token being typed: a ticket is drawn by a caller
that has the token, and exchanged by the page."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from ..console_tickets import TICKET_LIFE_S, ConsoleAccess, ConsoleTickets
from ..problems import Problem
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import RequestBody

#: The page's own address for it.
FRAGMENT = "#/login?ticket="

NO_STORE = {"Cache-Control": "no-store"}


class ConsoleTicket(BaseModel):
    """An address that opens the console once."""

    url: str = Field(description="From the daemon's own machine.")
    fragment: str = Field(
        description="The end of the address, with the ticket; empty if no token is set."
    )
    expires_in_s: float


class RedeemTicket(RequestBody):
    """The ticket of the address."""

    ticket: str = Field(min_length=1, max_length=100)


class ConsoleTokens(BaseModel):
    """What the ticket stands for; null where no token is set."""

    api_token: str | None = Field(description="For /v1 and /__emulator.")
    simulator_token: str | None = Field(description="For the simulator's socket.")


class ConsoleTicketRoutes:
    def __init__(self, access: ConsoleAccess | None) -> None:
        self._given = access
        self._tickets = ConsoleTickets()

    def routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/console/tickets",
                "drawConsoleTicket",
                "Draw an address that opens the console once",
                self._draw,
                {201: RouteResponse("Valid for a minute.", ConsoleTicket)},
                "console",
                problems=(404,),
            ),
            Route(
                "POST",
                "/v1/console/tokens",
                "redeemConsoleTicket",
                "Exchange a ticket for the tokens",
                self._redeem,
                {200: RouteResponse("The ticket is used up.", ConsoleTokens)},
                "console",
                body=RedeemTicket,
                problems=(401, 404),
                public=True,
            ),
        ]

    async def _draw(self, call: ApiCall[None, None]) -> web.StreamResponse:
        access = self._access()
        fragment = f"{FRAGMENT}{self._tickets.issue()}" if access.needs_ticket else ""
        found = ConsoleTicket(
            url=f"{access.url()}/{fragment}", fragment=fragment, expires_in_s=TICKET_LIFE_S
        )
        return answer(found, 201, NO_STORE)

    async def _redeem(self, call: ApiCall[None, RedeemTicket]) -> web.StreamResponse:
        access = self._access()
        if not self._tickets.redeem(call.body.ticket):
            text = (
                f"the ticket was used already, is older than {TICKET_LIFE_S:g} s, or was drawn"
                " before a restart; run guestd console again"
            )
            raise Problem(401, "unauthorized", text, field="ticket")
        found = ConsoleTokens(
            api_token=access.api_token or None, simulator_token=access.simulator_token or None
        )
        return answer(found, headers=NO_STORE)

    def _access(self) -> ConsoleAccess:
        if self._given is None:
            text = "the console is where the control API is, and api.tcp is false; set it to true"
            raise Problem(404, "not_configured", text)
        return self._given
