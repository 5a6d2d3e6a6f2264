"""Which addresses we may call on behalf of others, and which never (server-side request forgery).

A webhook's URL comes from a configuration, or even from a caller of the API; the machine it is
called from stands inside a private network. So there is a guard, and it checks the address, not
at the name: a name is asked for its addresses once, every one of them must be a public one, and the
connection goes to one of those that were looked at. What a name answers the next
time does not matter.

The table is our own. The standard library's `is_global` calls NAT64, 6to4 and multicast global. For
IPv6 it is shorter to say what is allowed (global unicast, less what was taken out of it) than what
is not. An address that carries another one inside it (mapped, 6to4, NAT64) is judged twice, by
itself and by what it carries.

Numbers that are not addresses in the usual form (`127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`) are
refused outright: what they mean depends on who reads them.

What an operator lists in `allow_internal` passes: a network opens itself; a name opens what it
resolves to inside private networks and on this machine, but never link-local addresses. Metadata
services, where clouds keep their credentials, are refused whatever is listed: no receiver of
webhooks is there, and one URL would give the machine away."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_V4_DENIED = [
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own host, though the number is public
        "169.254.0.0/16",  # link-local; metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
#: Never called, whatever `allow_internal` says.
METADATA_SERVICES: dict[Address, str] = {
    ipaddress.ip_address(address): service
    for address, service in (
        ("169.254.169.254", "metadata of Amazon, Google, Azure, Oracle, OpenStack and others"),
        ("169.254.170.2", "metadata of Amazon's containers (ECS): credentials of the task"),
        ("169.254.170.23", "metadata of Amazon's pods (EKS): credentials of the pod"),
        ("169.254.0.23", "metadata of Tencent Cloud"),
        ("169.254.42.42", "metadata of Scaleway"),
        ("100.100.100.200", "metadata of Alibaba Cloud, inside the range of carriers"),
        ("168.63.129.16", "metadata of Azure (the wire server), though the number is public"),
        ("192.0.0.192", "metadata of Oracle Cloud's older machines"),
        ("fd00:ec2::254", "metadata of Amazon over IPv6, inside the private range"),
        ("fd00:ec2::23", "metadata of Amazon's pods (EKS) over IPv6"),
        ("fd20:ce::254", "metadata of Google over IPv6"),
        ("fd00:c1::a9fe:a9fe", "metadata of Oracle over IPv6"),
        ("fd00:42::42", "metadata of Scaleway over IPv6"),
        ("fe80::a9fe:a9fe", "metadata of OpenStack over IPv6"),
    )
}

_V6_UNICAST = ipaddress.IPv6Network("2000::/3")
_V6_DENIED = [
    ipaddress.IPv6Network(one)
    for one in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "3ffe::/16",  # the former test network
    )
]
#: A network whose addresses carry an IPv4 address, and how many bits stand after it.
_CARRIERS = [
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (ipaddress.IPv6Network("::/96"), 0),  # compatible
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # translated
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of one's own, by /96
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
]
_OWN_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
#: The middle of an ISATAP address, whose last 32 bits are an IPv4 address.
_ISATAP = (0x00005EFE, 0x02005EFE)
#: What the name of an internal host may open: our machine and our networks.
_INTERNAL = [
    ipaddress.ip_network(one)
    for one in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
    )
]

_HOST = re.compile(
    r"(?=.{1,254}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_LOOKS_LIKE_A_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


_FORM = "write https://HOST/PATH"


class SsrfRefused(Exception):
    """The guard's answer. The message says what, why and what to do; it names no secret part of a
    URL."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(slots=True, frozen=True)
class Endpoint:
    """A URL that may be called, as far as its letters can tell."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SsrfGuard:
    """The guard of one target. `hosts`: the only ones that may be named (none: any). `any_port`:
    not only 443."""

    def __init__(
        self, allow_internal: Iterable[str] = (), hosts: Iterable[str] = (), any_port: bool = True
    ) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for one in allow_internal:
            network = network_of(one)
            if network is None:
                self._names.add(_plain(one))
            else:
                self._networks.append(network)
        self._hosts = {_plain(one) for one in hosts}
        self._any_port = any_port

    def endpoint(self, url: str) -> Endpoint:
        """Read a URL; raises Refused for one that must not be called whatever its name resolves
        to."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise SsrfRefused(
                "the URL has characters that do not belong there", "write names in their xn-- form"
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise SsrfRefused("the URL cannot be read", _FORM) from None
        if parts.scheme not in ("http", "https"):
            raise SsrfRefused("the URL must begin with https://", _FORM)
        if "@" in parts.netloc:
            raise SsrfRefused("the URL must hold no user and password", "leave them out")
        address = _literal(host)
        internal = _plain(host) in self._names or (address is not None and self._opens(address))
        if self._hosts and _plain(host) not in self._hosts and not internal:
            raise SsrfRefused(
                f"{host} is none of the hosts that may be named", "see webhooks.operation_hosts"
            )
        if parts.scheme == "http" and not internal:
            raise SsrfRefused("http:// is for hosts in allow_internal only", "write https://")
        port = port if port is not None else (443 if parts.scheme == "https" else 80)
        if port == 0 or (not self._any_port and port != 443 and not internal):
            raise SsrfRefused(f"port {port} is not allowed here", "use 443")
        if address is not None:
            self.check(host, [str(address)])
        return Endpoint(parts.scheme, host, port)

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Every address that `host` resolved to must pass; raises Refused naming the first that
        does not."""
        named = _plain(host) in self._names
        for text in addresses:
            address = _address(text)
            if address is None:
                raise SsrfRefused(
                    f"{host} leads to {text}, which is not a plain address", "name another host"
                )
            for one in (address, *carried_by(address)):
                if one in METADATA_SERVICES:
                    raise SsrfRefused(
                        f"{host} leads to {text}, which is not a public address:"
                        f" {METADATA_SERVICES[one]}",
                        "no setting allows it, name another host",
                    )
                internal = named and any(one in network for network in _INTERNAL)
                if is_denied(one) and not internal and not self._opens(one):
                    raise SsrfRefused(
                        f"{host} leads to {text}, which is not a public address",
                        "see allow_internal for hosts of your own network",
                    )

    def _opens(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def is_denied(address: Address) -> bool:
    """True for every address that is not out in the public Internet."""
    if isinstance(address, ipaddress.IPv4Address):
        return any(address in network for network in _V4_DENIED)
    return address not in _V6_UNICAST or any(address in network for network in _V6_DENIED)


def carried_by(address: Address) -> list[Address]:
    """The IPv4 addresses inside an IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address) or address.is_loopback or address.is_unspecified:
        return []
    number = int(address)
    found: list[Address] = [
        ipaddress.IPv4Address(number >> after & 0xFFFFFFFF)
        for network, after in _CARRIERS
        if address in network
    ]
    if (
        address in _OWN_NAT64
    ):  # by /48 the IPv4 address stands around a byte of zeros (RFC 6052 §2.2)
        found.append(ipaddress.IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    if address.teredo is not None:
        found += address.teredo
    return found


def network_of(text: str) -> Network | None:
    """The network an entry of `allow_internal` names, or None: then it is the name of a host."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """A plain one; with a zone (`fe80::1%eth0`) it is none."""
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _literal(host: str) -> Address | None:
    """The address written in a URL; None for a name. Raises Refused for what is neither."""
    address = _address(host)
    if address is not None:
        return address
    if not _HOST.fullmatch(host):
        raise SsrfRefused(
            "the URL names no host"
            if not host
            else "the URL's host is neither a name nor a plain address",
            _FORM,
        )
    if _LOOKS_LIKE_A_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        raise SsrfRefused(
            f"{host} is a number in disguise", "write an address in its usual form, or a name"
        )
    return None


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
