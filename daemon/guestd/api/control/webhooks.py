"""Webhook deliveries: waiting, delivered or dead; and replays (SYNC-1)."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from ...model.errors import CommandError
from ...model.ports import Webhooks, WebhookView
from .routes import ApiCall, Route, RouteResponse, answer
from .schemas import QueryParameters


class Delivery(BaseModel):
    """One webhook for one target. Its body and the target's secrets are not shown. Times are epoch
    milliseconds."""

    delivery_id: str = Field(
        description="What the receiver de-duplicates on; the same when it is sent again."
    )
    target: str
    lane: str = Field(description="Whose order it keeps.")
    event: str
    status: str = Field(description="waiting, delivered or dead.")
    attempts: int
    created_ms: int
    due_ms: int
    reason: str

    @classmethod
    def of(cls, view: WebhookView) -> Delivery:
        return cls.model_validate(view, from_attributes=True)


class DeliveryPage(BaseModel):
    """In the order of their creation. `next` is the `after` of the next page; null on the last
    page."""

    deliveries: list[Delivery]
    next: str | None


class Replayed(BaseModel):
    replayed: int = Field(description="How many dead letters are sent again.")


class DeliveryQuery(QueryParameters):
    status: Literal["waiting", "dead", "delivered"] = "waiting"
    after: str = Field(default="", max_length=200, description="The `next` of the page before.")
    limit: int = Field(default=100, ge=1, le=1000)


class DeliveryRoutes:
    def __init__(self, webhooks: Webhooks | None) -> None:
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        path, tag = "/v1/webhooks/deliveries", "webhooks"
        page, one = (
            RouteResponse("A page of them.", DeliveryPage),
            RouteResponse("It waits again.", Delivery),
        )
        again, every = "Send one again, with the same id", "Send all dead letters again"
        return [
            Route(
                "GET",
                path,
                "listDeliveries",
                "Webhooks by status",
                self._list,
                {200: page},
                tag,
                query=DeliveryQuery,
                problems=(404,),
            ),
            Route(
                "POST",
                f"{path}/{{delivery}}/replay",
                "replayDelivery",
                again,
                self._replay,
                {200: one},
                tag,
                problems=(409,),
                keyed=True,
                remembers=True,
            ),
            Route(
                "POST",
                "/v1/webhooks/replay-dead",
                "replayDead",
                every,
                self._replay_dead,
                {200: RouteResponse("How many.", Replayed)},
                tag,
                problems=(404, 409),
                keyed=True,
                remembers=True,
            ),
        ]

    async def _list(self, call: ApiCall[DeliveryQuery, None]) -> web.StreamResponse:
        query = call.query
        views = await self._port.list(query.status, query.after, query.limit)
        page = [Delivery.of(view) for view in views]
        is_full = len(page) == query.limit
        return answer(DeliveryPage(deliveries=page, next=page[-1].delivery_id if is_full else None))

    async def _replay(self, call: ApiCall[None, None]) -> web.StreamResponse:
        return answer(Delivery.of(await self._port.replay(call.part("delivery"))))

    async def _replay_dead(self, call: ApiCall[None, None]) -> web.StreamResponse:
        return answer(Replayed(replayed=await self._port.replay_dead()))

    @property
    def _port(self) -> Webhooks:
        if self._webhooks is None:
            raise CommandError("this daemon sends no webhooks", code="not_configured")
        return self._webhooks
