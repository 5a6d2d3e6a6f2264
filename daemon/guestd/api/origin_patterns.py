"""Which entries of `simulator.origins_allowed` make sense."""

from __future__ import annotations


def pattern_problem(pattern: str) -> str | None:
    """Why an entry of `simulator.origins_allowed` can never match, and what to write; None if it
    can. A browser's Origin is scheme://host, with a port that is not the scheme's own, or null."""
    if pattern == "null":
        return None
    scheme, separator, rest = pattern.partition("://")
    if "*" in pattern:
        return f"{pattern!r} can never match: there are no wildcards; write each origin out"
    if scheme == "file" or pattern == "":
        return f'{pattern!r} can never match: a page from a file has the origin null; write "null"'
    if not separator:
        return f"{pattern!r} can never match without its scheme; write https://{pattern}"
    host, _, path = rest.partition("/")
    if path:
        return f"{pattern!r} can never match: an origin has no path; write {scheme}://{host}"
    own_port = {"http": ":80", "https": ":443"}.get(scheme.lower())
    if own_port and host.endswith(own_port):
        bare = host.removesuffix(own_port)
        port = own_port[1:]
        return (
            f"{pattern!r} can never match: browsers leave out port {port}; write {scheme}://{bare}"
        )
    return None if host else f"{pattern!r} can never match without a host"
