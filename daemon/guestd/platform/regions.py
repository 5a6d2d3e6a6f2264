"""Where the platform lives: region names and the hosts that follow from them (protocol §10)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ..model.errors import ConfigError
from ..model.numbers import port_number

REGIONS = {
    "us-east-1": "mypurecloud.com",
    "us-east-2": "use2.us-gov-pure.cloud",
    "us-west-2": "usw2.pure.cloud",
    "ca-central-1": "cac1.pure.cloud",
    "mx-central-1": "mxc1.pure.cloud",
    "sa-east-1": "sae1.pure.cloud",
    "eu-west-1": "mypurecloud.ie",
    "eu-west-2": "euw2.pure.cloud",
    "eu-central-1": "mypurecloud.de",
    "eu-central-2": "euc2.pure.cloud",
    "ap-south-1": "aps1.pure.cloud",
    "ap-northeast-1": "mypurecloud.jp",
    "ap-northeast-2": "apne2.pure.cloud",
    "ap-northeast-3": "apne3.pure.cloud",
    "ap-southeast-1": "apse1.pure.cloud",
    "ap-southeast-2": "mypurecloud.com.au",
    "me-central-1": "mec1.pure.cloud",
}


@dataclass(slots=True, frozen=True)
class Endpoints:
    """Base URLs, without a trailing slash."""

    guest_socket: str
    api: str
    cdn: str
    login: str
    webchat_socket: str = ""

    def socket(self, dialect: str) -> str:
        """Where guests of this dialect connect; a dialect without a host of its own shares the
        first one."""
        return {"webchat": self.webchat_socket}.get(dialect, self.guest_socket)


def endpoints(region: str) -> Endpoints:
    """The hosts of a region: its domain, its cloud name, or a local test name (`localhost`,
    `*.localhost`, `*.test`, RFC 6761), which may carry a port. Raises ConfigError with what was
    probably meant."""
    domain = REGIONS.get(region.strip().lower(), region.strip().lower())
    if domain not in REGIONS.values() and not _is_local(domain):
        known = sorted([*REGIONS, *REGIONS.values()])
        close = difflib.get_close_matches(domain, known, n=3, cutoff=0.5)
        meant = (
            f"did you mean {' or '.join(close)}?"
            if close
            else "write a domain such as mypurecloud.de, or eu-central-1"
        )
        raise ConfigError("platform.region", f"{region!r} is not a region of the platform", meant)
    return Endpoints(
        guest_socket=f"wss://webmessaging.{domain}",
        api=f"https://api.{domain}",
        cdn=f"https://api-cdn.{domain}",
        login=f"https://login.{domain}",
        webchat_socket=f"wss://webchat.{domain}",
    )


def _is_local(domain: str) -> bool:
    name, _, port = domain.partition(":")
    local = name == "localhost" or name.endswith((".localhost", ".test"))
    return local and (not port or port_number(port) is not None)
