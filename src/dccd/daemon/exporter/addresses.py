"""Addresses to listen on."""

import ipaddress
from urllib.parse import urlsplit

__all__ = ["is_loopback", "split_address"]


def split_address(listen: str) -> tuple[str, int]:
    """Return host and port of an address to listen on.

    Parameters
    ----------
    listen : str
        ``127.0.0.1:9464`` or ``[::1]:9464``.

    Returns
    -------
    tuple of str and int
        The host without brackets.
    """
    parts = urlsplit(f"//{listen}")
    return parts.hostname or "", parts.port or 0


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host.

    Parameters
    ----------
    host : str
        An address, or a name.

    Returns
    -------
    bool
        True for ``localhost`` and addresses of loopback; any other name may lead anywhere.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
