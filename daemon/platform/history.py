"""The history of a guest session over REST (reference §11.1)."""

from __future__ import annotations

from typing import Any

from ..model.ports import HistoryAnswer
from .http import Http

PAGE_SIZE = 100


class WebMessagingHistory:
    """The History port over HTTP."""

    def __init__(self, http: Http, api: str, page_size: int = PAGE_SIZE) -> None:
        self._http = http
        self._url = f"{api}/api/v2/webmessaging/messages"
        self._page_size = page_size

    async def page(self, jwt: str, page_number: int) -> HistoryAnswer:
        headers = {"Authorization": f"bearer {jwt}"}
        found = await self._http.get_object(self._url, headers, pageNumber=page_number, pageSize=self._page_size)
        entities = found.get("entities")
        return HistoryAnswer(
            [one for one in entities if isinstance(one, dict)] if isinstance(entities, list) else [],
            page_number,
            _whole(found, "pageCount"),
            _whole(found, "total"),
        )


def _whole(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
