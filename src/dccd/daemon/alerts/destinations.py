"""Where alerts go."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dccd._compat import override
from dccd.redact import mask_url

if TYPE_CHECKING:
    from collections.abc import Collection

    from dccd.daemon.config import AlertConfig

_SLACK: Final = ("slack.com", "slack-gov.com")
_DISCORD: Final = ("discord.com", "discordapp.com")
_TEAMS: Final = ("logic.azure.com", "api.powerplatform.com", "webhook.office.com")


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """Where alerts go; the repr has no secret, and the format ``auto`` follows from the host."""

    url: str
    format: str = "auto"

    @property
    def id(self) -> str:
        """A short hash of the URL, by which records know who was told."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:12]

    @property
    def service(self) -> str:
        """The format of its messages."""
        if self.format != "auto":
            return self.format
        host = (urlsplit(self.url).hostname or "").rstrip(".").lower()
        for service, domains in (("slack", _SLACK), ("discord", _DISCORD), ("teams", _TEAMS)):
            if any(host == domain or host.endswith(f".{domain}") for domain in domains):
                return service
        return "generic"

    @property
    def masked(self) -> str:
        """The URL without what is secret."""
        return mask_url(self.url)

    @override
    def __repr__(self) -> str:
        return f"Destination({self.masked!r}, {self.service!r})"


def destinations_of(alerts: "AlertConfig") -> tuple[Destination, ...]:
    """Return where alerts go, each URL once; none where alerts are off."""
    found = [] if alerts.webhook_url is None else [Destination(alerts.webhook_url, alerts.format)]
    found += [Destination(url) for url in alerts.extra_webhooks]
    found += [Destination(url, "apprise") for url in alerts.apprise_urls]
    first = {destination.id: destination for destination in reversed(found)}
    return tuple(dict.fromkeys(first[destination.id] for destination in found))


def alerts_line(alerts: "AlertConfig", gone: "Collection[str]" = ()) -> str:
    """Return one line on where alerts go, without the URLs; `gone` has the ids of destinations that ended."""
    services = [
        f"{destination.service} (GONE, set a new address)" if destination.id in gone else destination.service
        for destination in destinations_of(alerts)
    ]
    return f"alerts: {', '.join(services)}" if services else "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL"
