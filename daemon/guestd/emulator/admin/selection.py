"""Which guest session a request to the admin API is about."""

from __future__ import annotations

from ..core.records import GuestSession, Json
from ..core.world import World
from .requests import AdminRequestError

#: Of each route that acts on one guest session.
SELECTION = {
    "guest": "the guest's name, as a guestd told it when it connected",
    "session": "the guest session's id, as a guestd told it, in place of its name",
    "token": "the guest session's token, in place of its name",
    "which": '"only" (as if left out), or "last": where something was said last',
}

_LISTED_MAX = 20


def selected(world: World, body: Json) -> GuestSession:
    """By token, by session, by guest, or as `which` says. Raises AdminRequestError."""
    given = [name for name in SELECTION if body.get(name) is not None]
    if len(given) > 1:
        raise AdminRequestError(
            given[1], f"{' and '.join(given)} are given", "say by one of them which guest"
        )
    for name in given:
        if not isinstance(body[name], str):
            raise AdminRequestError(name, f"{name} must be text")
    if "token" in given:
        return _of_token(world, body["token"])
    if "session" in given:
        return _of_session(world, body["session"])
    if "guest" in given:
        return _of_guest(world, body["guest"])
    which = body.get("which", "only")
    if which not in ("only", "last"):
        raise AdminRequestError("which", f"{which!r} is unknown", "only or last")
    return _last(world) if which == "last" else _only(world)


def _of_token(world: World, token: str) -> GuestSession:
    session = world.sessions.get(token)
    if session is None:
        raise AdminRequestError(
            "token", "no guest session has this token", "GET /__emulator/sessions lists them", 404
        )
    return session


def _of_session(world: World, session: str) -> GuestSession:
    found = [one for one in world.sessions.values() if session and one.session == session]
    if not found:
        raise AdminRequestError(
            "session",
            "no guest session has this id",
            "GET /__emulator/sessions lists them",
            404,
        )
    return max(found, key=lambda one: one.number)


def _of_guest(world: World, guest: str) -> GuestSession:
    """The latest of that name, one with a connection before those without."""
    found = [one for one in world.sessions.values() if guest in (one.guest, one.name)]
    if not found:
        raise AdminRequestError(
            "guest", f"no guest session is of {guest!r}", f"there are {_names(world)}", 404
        )
    return max(found, key=lambda one: (bool(one.connections), one.created))


def _last(world: World) -> GuestSession:
    if not world.sessions:
        raise AdminRequestError("which", "there is no guest session", status=404)
    return max(world.sessions.values(), key=lambda one: (one.last_ms, one.created))


def _only(world: World) -> GuestSession:
    """The one there is; of several the one that is connected, if it is alone in that."""
    found = list(world.sessions.values())
    connected = [one for one in found if one.connections]
    for choice in (connected, found):
        if len(choice) == 1:
            return choice[0]
    if not found:
        raise AdminRequestError("guest", "there is no guest session", status=404)
    raise AdminRequestError(
        "guest",
        f"there are {len(found)} guest sessions",
        f'say which by guest, session or "which": "last"; there are {_names(world)}',
        409,
    )


def _names(world: World) -> str:
    names = sorted(
        {one.guest or one.name or f"token {one.token}" for one in world.sessions.values()}
    )
    more = f" and {len(names) - _LISTED_MAX} more" if len(names) > _LISTED_MAX else ""
    return ", ".join(names[:_LISTED_MAX]) + more if names else "none"
