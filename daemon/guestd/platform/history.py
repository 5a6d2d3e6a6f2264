"""The history of a guest session over REST (protocol §11.1)."""

from __future__ import annotations

from typing import Any

from ..model.errors import PlatformRefused, PlatformUnavailable
from ..model.foreign import HISTORY_ENTITIES_MAX
from ..model.ports import HistoryAnswer
from .http import Http

PAGE_SIZE = 100
#: The token is the guest session's own, from its connection, and none of an OAuth client.
TOKEN_REFUSED = "the guest session asks the platform for a new token before it reads again"


class WebMessagingHistory:
    """The History port over HTTP."""

    def __init__(self, http: Http, api: str, page_size: int = PAGE_SIZE) -> None:
        self._http = http
        self._url = f"{api}/api/v2/webmessaging/messages"
        self._page_size = page_size

    async def page(self, jwt: str, page_number: int) -> HistoryAnswer:
        headers = {"Authorization": f"bearer {jwt}"}
        try:
            found = await self._http.get_object(
                self._url, headers, pageNumber=page_number, pageSize=self._page_size
            )
        except PlatformRefused as error:
            if error.status in (401, 403):
                error.remedy = TOKEN_REFUSED
            raise
        entities = found.get("entities")
        if isinstance(entities, list) and len(entities) > HISTORY_ENTITIES_MAX:
            raise PlatformUnavailable(
                f"the history's page has {len(entities)} messages, and {self._page_size} were"
                " asked for",
                status=200,
                cause="malformed",
            )
        return HistoryAnswer(
            (
                [one for one in entities if isinstance(one, dict)]
                if isinstance(entities, list)
                else []
            ),
            page_number,
            _whole(found, "pageCount"),
            _whole(found, "total"),
        )


def _whole(found: dict[str, Any], key: str) -> int:
    """A count; 0 for what is none."""
    value = found.get(key)
    return max(0, value) if type(value) is int else 0
