"""Find the optional dependencies that a configuration needs and that are not installed."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig, CollectorConfig


def missing_extras(config: "CollectorConfig") -> list[str]:
    """Return a line for each extra that the configuration or a proxy needs and that is not installed.

    Jobs go on without them, so that none is an error.
    """
    return list(_missing(config))


def _missing(config: "CollectorConfig") -> Iterator[str]:
    alerts = config.alerts
    if alerts.apprise_urls and not _is_installed("apprise"):
        yield _line("alerts.apprise_urls", "apprise", "no alert goes there")
    if config.server.listen is not None and not _is_installed("prometheus_client"):
        yield _line("server.listen", "metrics", "there is a status page and no /metrics")
    if (variable := _socks_proxy(alerts)) is not None and not _is_installed("socks"):
        yield _line(f"the SOCKS proxy in {variable}", "socks", "no alert gets through")


def _line(what: str, extra: str, result: str) -> str:
    return f"{what}: the extra {extra} is not installed, so {result}: pip install '.[{extra}]' in the checkout"


def _is_installed(module: str) -> bool:
    try:
        import_module(module)  # one that is found but cannot be imported is of no use
    except ImportError:
        return False
    return True


def _socks_proxy(alerts: "AlertConfig") -> str | None:
    """Return the environment variable of a SOCKS proxy that a request of ours would go through; None without one."""
    proxies = getproxies_environment()
    urls = [*alerts.extra_webhooks, *filter(None, (alerts.webhook_url, alerts.heartbeat_url))]
    if alerts.apprise_urls:
        urls.append("https:")  # most services that Apprise knows
    for url in urls:
        parts = urlsplit(url)
        kind = parts.scheme.lower() if parts.scheme.lower() in proxies else "all"
        is_socks = proxies.get(kind, "").lower().startswith("socks")
        if is_socks and not (parts.hostname and proxy_bypass(parts.hostname)):
            name = f"{kind}_proxy"
            return name if os.environ.get(name) else name.upper()
    return None
