"""Addresses to listen on."""

import ipaddress
from urllib.parse import urlsplit


def split_address(listen: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port of an address to listen on."""
    parts = urlsplit(f"//{listen}")
    return parts.hostname or "", parts.port or 0


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host; a name other than ``localhost`` may lead anywhere."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
