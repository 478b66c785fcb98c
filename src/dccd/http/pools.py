"""Pools of urllib3 for connections of our own."""

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


def pools_of(connection: type, tls_connection: type) -> dict[str, type]:
    """Return by scheme the classes of pools that make connections of these two classes."""
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": connection}),
        "https": type("TLSPool", (HTTPSConnectionPool,), {"ConnectionCls": tls_connection}),
    }
