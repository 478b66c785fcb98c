"""Addresses to listen on."""

import pytest

from dccd.daemon.config import ServerConfig
from dccd.daemon.exporter.addresses import is_loopback, split_address


@pytest.mark.parametrize(
    ("listen", "parts"), [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:9464", ("::1", 9464)), ("a:0", ("a", 0))]
)
def test_an_address_has_a_host_and_a_port(listen: str, parts: tuple[str, int]) -> None:
    """A host of IPv6 loses its brackets, as a socket takes none."""
    assert split_address(listen) == parts


def test_loopback_is_known_by_address_and_name() -> None:
    """Any other name may lead anywhere."""
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "Localhost."))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.evil"))


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1", ":9464", "127.0.0.1:99999", "http://127.0.0.1:1", "a b:1", ""])
def test_what_is_no_address_is_refused(listen: str) -> None:
    """Before anything runs."""
    with pytest.raises(ValueError, match="not an address to listen on"):
        ServerConfig(listen=listen)
