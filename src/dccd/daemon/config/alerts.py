"""The settings of alerts."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dccd.daemon.config.base import Settings
from dccd.daemon.config.types import Count, Duration, SecretTexts, SecretUrl, SecretUrls, SigningSecret

if TYPE_CHECKING:
    from collections.abc import Sequence


class AlertConfig(Settings, frozen=True):
    """When an alert is due and where it goes.

    Parameters
    ----------
    webhook_url : str, optional
        URL that receives a JSON POST; a secret, absent from the repr and masked in dumps, so a dump does not
        round-trip.
    max_consecutive_errors : int, optional
        Failures in a row at which an incident opens, 1 to 1,000,000, default 3.
    extra_webhooks : tuple of str, optional
        More URLs that receive the same alerts, each in the format of its host; secrets too.
    apprise_urls : tuple of str, optional
        URLs of any service that Apprise knows (``tgram://...``, ``mailto://...``); secrets too. They need the
        extra ``apprise``.
    format : str, optional
        Format for `webhook_url`: ``auto`` (by the host of the URL), ``slack``, ``discord``, ``teams``,
        ``mattermost``, ``rocketchat`` or ``generic``.
    webhook_secret : str, optional
        Key of Standard Webhooks, ``whsec_`` and base64, that signs messages in the generic format. A secret.
    heartbeat_url : str, optional
        URL to ping at each check of the jobs, which the daemon makes every 30 seconds, so that an outside service
        notices when this process ends or hangs. A secret.
    recovery_threshold : int, optional
        Successes in a row that end an incident, default 1.
    repeat_interval : float or str, optional
        Time between reminders while an incident lasts, default 4 hours; 0 means never.
    send_resolved : bool, optional
        Whether to report the end of an incident, default true. A destination that was not told of the beginning in
        time is told of both in any case.
    group_window : float or str, optional
        Time that a notice waits so that others can share its message, default 5 s.
    outbox_ttl : float or str, optional
        Age at which an unsent notice of an ended incident expires, default 24 h.
    shutdown_timeout : float or str, optional
        Time that closing may spend on notices not yet sent, default 20 s.
    source : str, optional
        Name of this collector in messages; default the host name.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds or a key unknown. The error suggests the close name of a setting and shows no value.

    Examples
    --------
    >>> from dccd.daemon.config import AlertConfig
    >>> alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/T0/B0/x", max_consecutive_errors=5)
    >>> alerts.max_consecutive_errors
    5
    >>> "services" in repr(alerts)
    False
    >>> AlertConfig(webhook_ulr="https://hooks.slack.com/services/T0/B0/x")
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for AlertConfig
    webhook_ulr
      no such setting: did you mean webhook_url? [type=extra_forbidden]
    """

    webhook_url: SecretUrl = Field(
        default=None,
        description="URL that receives alerts.",
        examples=["https://hooks.slack.com/services/T0/B0/x"],
    )
    max_consecutive_errors: Count = Field(
        default=3, ge=1, le=1_000_000, description="Failures in a row at which an incident opens."
    )
    extra_webhooks: SecretUrls = Field(
        default=(), max_length=20, description="More URLs that receive the same alerts; a list, or text with commas."
    )
    apprise_urls: SecretTexts = Field(
        default=(), max_length=20, description="URLs of services that Apprise knows; a list, or text with commas."
    )
    format: Literal["auto", "slack", "discord", "teams", "mattermost", "rocketchat", "generic"] = Field(
        default="auto", description="Format for webhook_url; auto goes by the host of the URL."
    )
    webhook_secret: SigningSecret = Field(
        default=None,
        description="Standard Webhooks key (whsec_...) that signs messages in the generic format.",
        examples=["whsec_YSBtYWRlLXVwIGtleSwgZm9yIG5vIHJlYWwgdXNl"],
    )
    heartbeat_url: SecretUrl = Field(
        default=None,
        description="URL to ping at each check of the jobs; an outside service watches it.",
        examples=["https://watcher.example.org/ping/x"],
    )
    recovery_threshold: Count = Field(default=1, ge=1, le=1000, description="Successes in a row that end an incident.")
    repeat_interval: Duration = Field(
        default=14_400.0, ge=0, le=31_536_000, description="Time between reminders while an incident lasts; 0 = never."
    )
    send_resolved: bool = Field(default=True, description="Whether to report the end of an incident.")
    group_window: Duration = Field(
        default=5.0, ge=0, le=3600, description="Time that a notice waits so that others can share its message."
    )
    outbox_ttl: Duration = Field(
        default=86_400.0,
        ge=60,
        le=31_536_000,
        description="Age at which an unsent notice of an ended incident expires.",
    )
    shutdown_timeout: Duration = Field(
        default=20.0, ge=0, le=600, description="Time that closing may spend on notices not yet sent."
    )
    source: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of this collector in messages; default the host name.",
        examples=["collector-1"],
    )

    if TYPE_CHECKING:  # the types that may be given, which are more than those that are kept

        def __init__(  # noqa: PLR0913 - a parameter for each setting
            self,
            *,
            webhook_url: str | None = ...,
            max_consecutive_errors: int = ...,
            extra_webhooks: Sequence[str] = ...,
            apprise_urls: Sequence[str] = ...,
            format: Literal["auto", "slack", "discord", "teams", "mattermost", "rocketchat", "generic"] = ...,  # noqa: A002
            webhook_secret: str | None = ...,
            heartbeat_url: str | None = ...,
            recovery_threshold: int = ...,
            repeat_interval: float | str = ...,
            send_resolved: bool = ...,
            group_window: float | str = ...,
            outbox_ttl: float | str = ...,
            shutdown_timeout: float | str = ...,
            source: str | None = ...,
        ) -> None: ...

    @property
    def has_destination(self) -> bool:
        """Whether any destination is set."""
        return self.webhook_url is not None or bool(self.extra_webhooks or self.apprise_urls)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        named = (self.webhook_url, self.webhook_secret, self.heartbeat_url)
        return (*(secret for secret in named if secret is not None), *self.extra_webhooks, *self.apprise_urls)
