"""The settings of alerts."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dccd.daemon.config.base import Settings
from dccd.daemon.config.types import Count, Duration, SecretAddress, SecretAddresses, SecretTexts, SigningSecret

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AlertConfig"]


class AlertConfig(Settings, frozen=True):
    """When an alert is due and where it goes.

    Parameters
    ----------
    webhook_url : str, optional
        Address that gets a JSON POST; a secret, absent from the repr and masked in dumps, so a dump does not
        round-trip. Without it nothing is sent.
    max_consecutive_errors : int, optional
        Failures in a row at which an incident opens, 1 to 1,000,000, default 3.
    extra_webhooks : tuple of str, optional
        Further addresses that get the same alerts, each in the format of its host; secrets too.
    apprise_urls : tuple of str, optional
        Addresses of any service that Apprise knows (``tgram://...``, ``mailto://...``); secrets too. They need the
        extra ``apprise``.
    format : str, optional
        Format for `webhook_url`: ``auto`` (by the host of the address), ``slack``, ``discord``, ``teams``,
        ``mattermost``, ``rocketchat`` or ``generic``.
    webhook_secret : str, optional
        Key of Standard Webhooks, ``whsec_`` and base64: messages in the generic format are signed with it. A secret.
    heartbeat_url : str, optional
        Address to ping after each look at the clock, so that an outside service notices when this process is gone.
        A secret.
    recovery_threshold : int, optional
        Successes in a row that end an incident, default 1.
    repeat_interval : float or str, optional
        Time between reminders while an incident lasts, default 4 hours; 0 means never.
    send_resolved : bool, optional
        Whether the end of an incident is told, default true. Who could not be told of its beginning in time hears of
        both all the same.
    group_window : float or str, optional
        Time for which a notice waits for others to share its message, default 5 s.
    outbox_ttl : float or str, optional
        Age at which a notice of an incident that is over is given up, default 24 h.
    shutdown_timeout : float or str, optional
        Time that closing may take to send what is owed, default 20 s.
    source : str, optional
        Where the process runs, as told in messages; default the name of the host.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds, or a key unknown.

    Examples
    --------
    >>> from dccd.daemon.config import AlertConfig
    >>> alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/T0/B0/x", max_consecutive_errors=5)
    >>> alerts.max_consecutive_errors
    5
    >>> "services" in repr(alerts)
    False
    """

    webhook_url: SecretAddress = Field(
        default=None,
        description="Address that gets alerts; nothing is sent without.",
        examples=["https://hooks.slack.com/services/T0/B0/x"],
    )
    max_consecutive_errors: Count = Field(
        default=3, ge=1, le=1_000_000, description="Failures in a row at which an incident opens."
    )
    extra_webhooks: SecretAddresses = Field(
        default=(), max_length=20, description="Further addresses that get the same alerts; a list, or with commas."
    )
    apprise_urls: SecretTexts = Field(
        default=(), max_length=20, description="Addresses of services that Apprise knows; a list, or with commas."
    )
    format: Literal["auto", "slack", "discord", "teams", "mattermost", "rocketchat", "generic"] = Field(
        default="auto", description="Format for webhook_url; auto goes by the host of the address."
    )
    webhook_secret: SigningSecret = Field(
        default=None,
        description="Standard Webhooks key (whsec_...) that signs messages in the generic format.",
        examples=["whsec_YSBtYWRlLXVwIGtleSwgZm9yIG5vIHJlYWwgdXNl"],
    )
    heartbeat_url: SecretAddress = Field(
        default=None,
        description="Address to ping after each look at the clock; an outside service watches it.",
        examples=["https://watcher.example.org/ping/x"],
    )
    recovery_threshold: Count = Field(default=1, ge=1, le=1000, description="Successes in a row that end an incident.")
    repeat_interval: Duration = Field(
        default=14_400.0, ge=0, le=31_536_000, description="Time between reminders while an incident lasts; 0 = never."
    )
    send_resolved: bool = Field(default=True, description="Whether the end of an incident is told.")
    group_window: Duration = Field(
        default=5.0, ge=0, le=3600, description="Time for which a notice waits for others to share its message."
    )
    outbox_ttl: Duration = Field(
        default=86_400.0, ge=60, le=31_536_000, description="Age at which a notice of a closed incident is given up."
    )
    shutdown_timeout: Duration = Field(
        default=20.0, ge=0, le=600, description="Time that closing may take to send what is owed."
    )
    source: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Where this runs, as told in messages; default the name of the host.",
        examples=["collector-1"],
    )

    if TYPE_CHECKING:  # what may be given, which is more than what is kept

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
        """Whether anyone is to be told at all."""
        return self.webhook_url is not None or bool(self.extra_webhooks or self.apprise_urls)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown."""
        named = (self.webhook_url, self.webhook_secret, self.heartbeat_url)
        return (*(secret for secret in named if secret is not None), *self.extra_webhooks, *self.apprise_urls)
