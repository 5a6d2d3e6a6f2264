"""How connections to the platform leave this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from .numbers import port_number
from .settings import Doc


class _HostAndPort:
    """The text is host:port, with brackets around an IPv6 address."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # only where pydantic asks

        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    @staticmethod
    def _checked(value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or port_number(port) is None:
            raise ValueError("write host:port")
        return value


HostAndPort = Annotated[str, _HostAndPort()]


@dataclass(frozen=True)
class OutboundRoute:
    """The way to the platform: what is trusted, through which proxy, and where names lead."""

    ca_file: Annotated[
        str | None,
        Doc(
            "A PEM file with the CA to trust, instead of the system's: for an emulator or a"
            " test org behind a private CA.",
            example="tls/ca.pem",
        ),
    ] = None
    proxy_url: Annotated[
        str | None,
        Doc(
            "An HTTP proxy that is asked for a tunnel (CONNECT). The environment's proxies "
            'are never used. "credential:proxy_url" reads it from the service manager\'s '
            "credentials, so that a password need not stand here.",
            example="http://user:password@proxy.example.org:3128",
        ),
    ] = field(default=None, repr=False)
    connect_to: Annotated[
        HostAndPort | None,
        Doc(
            "Connect to this host and port, whatever the names resolve to: a test double, "
            "or a fixed way out.",
            example="127.0.0.1:8443",
        ),
    ] = None

    @property
    def fixed_address(self) -> tuple[str, int] | None:
        """`connect_to` as host, without brackets, and port."""
        if self.connect_to is None:
            return None
        host, _, port = self.connect_to.rpartition(":")
        return host.strip("[]"), int(port)
