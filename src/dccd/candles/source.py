"""Sources of candles: those you register, and the exchanges that ccxt knows."""

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from dccd.candles.ccxt_source import CcxtSource
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import UnknownSourceError
from dccd.exchanges import ccxt_exchanges
from dccd.lake import Candle


class CandleSource(Protocol):
    """A source of the candles of one exchange.

    Raise `dccd.errors.SourceRefusedError` where a retry will not help (an unknown pair) and
    `dccd.errors.SourceUnavailableError` where it may (an outage).

    Examples
    --------
    >>> from dccd.candles import CandleSource
    >>> class Flat:
    ...     def pages(self, pair, timeframe, since, until):
    ...         yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0) for time in range(since, until, 60_000)]
    ...
    ...     def close(self):
    ...         pass
    >>> source: CandleSource = Flat()
    >>> [len(page) for page in source.pages("BTC/USD", "1m", 0, 120_000)]
    [2]
    """

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield candles, a page at a time.

        Parameters
        ----------
        pair : str
            Trading pair, ``BASE/QUOTE``.
        timeframe : str
            Length of a candle in exchange notation.
        since : int
            Earliest open time wanted, in milliseconds (UTC).
        until : int
            Open time to stop before, in milliseconds (UTC).

        Yields
        ------
        Sequence of Candle
            Candles by ascending open time, each page after the one before. `collect` drops candles outside the
            range and the candle that is still open.
        """

    def close(self) -> None:
        """Close the connections; no page is requested afterwards."""


SourceFactory = Callable[[str | None], CandleSource]

_lock: Final = threading.Lock()
_registered: Final[dict[str, SourceFactory]] = {}


def register_source(exchange: str, factory: SourceFactory) -> None:
    """Register a source of your own under the name of an exchange.

    Parameters
    ----------
    exchange : str
        The name for a configuration; the source replaces an exchange of ccxt that has the same name.
    factory : callable
        Called with the ``base_url`` of the job (or None) each time a source is opened.

    Examples
    --------
    >>> from dccd.candles import known_exchange, register_source, unregister_source
    >>> register_source("my-archive", lambda base_url: None)
    >>> known_exchange("my-archive")
    True
    >>> unregister_source("my-archive")
    """
    with _lock:
        _registered[exchange] = factory


def unregister_source(exchange: str) -> None:
    """Remove a registered source, if there is one of that name.

    Parameters
    ----------
    exchange : str
        The name it was registered under.

    Examples
    --------
    >>> from dccd.candles import unregister_source
    >>> unregister_source("never-registered")
    """
    with _lock:
        _registered.pop(exchange, None)


def known_exchange(exchange: str) -> bool:
    """Return whether a source of that name is registered or known to ccxt, without using the network.

    Parameters
    ----------
    exchange : str
        Name of an exchange.

    Returns
    -------
    bool
        True if `open_source` can open it.

    Raises
    ------
    MissingExtraError
        If the name is not registered and ccxt is not installed.

    Examples
    --------
    >>> from dccd.candles import known_exchange
    >>> known_exchange("kraken"), known_exchange("krakn")
    (True, False)
    """
    return exchange in _registered or exchange in ccxt_exchanges()


def check_exchange(exchange: str) -> None:
    """Raise an error if an exchange is unknown, without using the network.

    Parameters
    ----------
    exchange : str
        Name of an exchange.

    Raises
    ------
    UnknownSourceError
        If neither a registered source nor ccxt has that name; the message suggests a similar one.
    MissingExtraError
        If the name is not registered and ccxt is not installed.

    Examples
    --------
    >>> from dccd.candles import check_exchange
    >>> check_exchange("krakn")
    Traceback (most recent call last):
    dccd.errors.UnknownSourceError: no exchange is named 'krakn'; did you mean 'kraken'?
    """
    if known_exchange(exchange):
        return
    close = difflib.get_close_matches(exchange.lower(), [*_registered, *ccxt_exchanges()], n=1)
    advice = f"did you mean {close[0]!r}?" if close else "use a name that ccxt knows, or register_source()"
    msg = f"no exchange is named {exchange!r}; {advice}"
    raise UnknownSourceError(msg)


def open_source(  # noqa: PLR0913 - keywords with defaults
    exchange: str,
    *,
    base_url: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
    timeout: float = 10.0,
    budget: float = 60.0,
    stop: threading.Event | None = None,
) -> CandleSource:
    """Open the source of an exchange: a registered one, else ccxt's.

    Parameters
    ----------
    exchange : str
        Name of an exchange.
    base_url : str, optional
        Address of a server to ask in place of the exchange.
    clock : Clock, optional
        Time and waiting; a registered source does not get it.
    timeout : float, optional
        Seconds an exchange may be silent before a request fails; a registered source does not get it.
    budget : float, optional
        Seconds after the first try of a request at which no further one begins; a registered source does not get it.
    stop : threading.Event, optional
        Once set, waiting ends and no further page is requested; a registered source does not get it.

    Returns
    -------
    CandleSource
        The caller closes it.

    Raises
    ------
    UnknownSourceError
        If no source has that name.
    SourceRefusedError
        If the exchange offers no candles.
    MissingExtraError
        If the name is not registered and ccxt is not installed.

    Examples
    --------
    >>> from dccd.candles import open_source
    >>> source = open_source("kraken")
    >>> source.close()
    """
    check_exchange(exchange)
    factory = _registered.get(exchange)
    if factory is not None:
        return factory(base_url)
    return CcxtSource(exchange, base_url=base_url, clock=clock, timeout=timeout, budget=budget, stop=stop)
