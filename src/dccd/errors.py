"""Every error dccd raises on purpose.

::

    DccdError
    ├── ConfigError              a setting is missing, misspelt or out of bounds
    ├── StorageError             a directory or file cannot be used
    ├── AlreadyRunningError      another daemon uses the directory
    ├── MissingExtraError        an optional dependency is not installed
    └── SourceError              an exchange did not give candles
        ├── UnknownSourceError       no exchange of that name
        ├── SourceRefusedError       a retry will not help: symbol, permission, geo-block
        └── SourceUnavailableError   a retry may help: outage, network
            └── RateLimitedError         too many requests

Each message says what happened, where, and what to do next, and never holds a secret.
"""

__all__ = [
    "AlreadyRunningError",
    "ConfigError",
    "DccdError",
    "MissingExtraError",
    "RateLimitedError",
    "SourceError",
    "SourceRefusedError",
    "SourceUnavailableError",
    "StorageError",
    "UnknownSourceError",
]


class DccdError(Exception):
    """Base of all errors that dccd raises on purpose.

    Examples
    --------
    >>> from dccd.errors import DccdError, StorageError
    >>> try:
    ...     raise StorageError("/data is read-only: mount it writable, or set storage.local_path")
    ... except DccdError as error:
    ...     print(error)
    /data is read-only: mount it writable, or set storage.local_path
    """


class ConfigError(DccdError, ValueError):
    """A configuration cannot be used; the message lists every problem, one to a line."""


class StorageError(DccdError, OSError):
    """A directory or a file cannot be read or written."""


class AlreadyRunningError(DccdError):
    """Another daemon uses the directory."""


class MissingExtraError(DccdError, ImportError):
    """A feature needs an optional dependency that is not installed."""


class SourceError(DccdError):
    """An exchange did not give the candles it was asked for."""


class UnknownSourceError(SourceError):
    """No exchange of that name is registered or known to ccxt."""


class SourceRefusedError(SourceError):
    """The exchange refuses the request, and a retry will not help."""


class SourceUnavailableError(SourceError):
    """The exchange did not answer, in spite of all retries; a retry later may help."""


class RateLimitedError(SourceUnavailableError):
    """The exchange got too many requests; all its jobs wait for a while.

    Parameters
    ----------
    message : str
        What happened.
    wait : float, optional
        Seconds that the exchange asks to wait; None if it does not say.

    Examples
    --------
    >>> from dccd.errors import RateLimitedError
    >>> RateLimitedError("kraken: EAPI:Rate limit exceeded", wait=30).wait
    30
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait
