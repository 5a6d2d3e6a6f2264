"""A link that the platform gave, and that leads nowhere."""

from __future__ import annotations

import pytest

from guestd.model.errors import PlatformRefused
from guestd.transport.download import FileDownloader


@pytest.mark.parametrize("link", ["http://[SECRET/x", "http://host:SECRET/x", "http:///SECRET"])
async def test_a_link_that_is_no_url_is_refused_and_not_quoted(link):
    downloader = FileDownloader()
    with pytest.raises(PlatformRefused, match="a link that is not a URL") as refused:
        async with downloader.open(link):
            pass
    assert "SECRET" not in str(refused.value) and "ask for the file again" in str(refused.value)
    await downloader.close()
