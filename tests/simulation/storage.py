"""The platform's storage and our own copies of files, in memory: PUTs that break, URLs that die,
events that come late."""

from __future__ import annotations

import asyncio
from random import Random
from urllib.parse import parse_qs, urlsplit

from guestd.emulator.core import frames
from guestd.model.errors import PlatformRefused, PlatformUnavailable, SpoolError

from .platform import Platform


class SimStorage:
    """The Uploader port, and the spool. `copies` outlive the daemon, as a disk does."""

    def __init__(self, platform: Platform, seed: int) -> None:
        self.platform = platform
        self.rng = Random(f"{seed} storage")
        self.copies: set[str] = set()
        self.puts = 0

    def keep(self, name: str) -> str:
        path = f"/spool/{name}-{self.rng.getrandbits(32):08x}"
        self.copies.add(path)
        return path

    def discard(self, path: str) -> None:
        self.copies.discard(path)

    async def put(self, url, headers, content_type, path, size_bytes) -> None:
        weather, rng = self.platform.weather, self.rng
        assert headers, "every header that came with the URL goes along"
        if path not in self.copies:
            raise SpoolError("our copy of the file is gone")
        await asyncio.sleep(rng.uniform(0.005, 1.0))
        if weather.partitioned or rng.random() < 5 * weather.reset:
            raise PlatformUnavailable("the connection broke")
        parts = urlsplit(url)
        attachment_id, secret = parts.path.rpartition("/")[2], parse_qs(parts.query)["sig"][0]
        for session in self.platform.world.sessions.values():
            attachment = (session.attachments or {}).get(attachment_id)
            if (
                attachment is not None
                and attachment.secret == secret
                and rng.random() >= weather.throttle
            ):
                self.puts += 1
                self.platform.loop.call_later(
                    rng.uniform(0.0, 1.0), self._uploaded, session, attachment
                )
                return
        raise PlatformRefused("the storage answered 403", status=403)

    def _uploaded(self, session, attachment) -> None:
        attachment.uploaded = True
        body = {
            "attachmentId": attachment.id,
            "downloadUrl": "https://d",
            "timestamp": "2027-05-31T09:00:00.000Z",
        }
        self.platform.perform(
            self.platform.world.fan_out(session, frames.push("UploadSuccessEvent", body))
        )
