"""Failures that a retry may help, and refusals."""

import errno

import ccxt
import pytest
from requests.exceptions import ContentDecodingError

from dccd.errors import SourceRefusedError
from dccd.exchanges.errors import UNEXPECTED_ERRORS, TransientError, classify, unexpected
from dccd.redact import hide_secrets


def classified(error: Exception, status: int = 200, wait: float | None = None) -> SourceRefusedError | TransientError:
    """Return what is raised for an error of ccxt."""
    return classify(error, ccxt=ccxt, exchange="kraken", what="kraken: BTC/USD 1h", status=status, wait=wait)


@pytest.mark.parametrize(
    ("error", "status", "is_transient"),
    [
        (ccxt.NetworkError("x"), 0, True),
        (ccxt.RequestTimeout("x"), 0, True),
        (ccxt.OnMaintenance("x"), 200, True),
        (ccxt.ExchangeError("x"), 200, False),
        (ccxt.ExchangeError("x"), 404, False),
        (ccxt.ExchangeError("x"), 408, True),
        (ccxt.ExchangeError("x"), 425, True),
        (ccxt.ExchangeError("x"), 499, False),
        (ccxt.ExchangeError("x"), 500, True),
        (ccxt.ExchangeError("x"), 599, True),
        (ccxt.ExchangeError("x"), 600, False),
        (ccxt.BadSymbol("x"), 200, False),
        (ccxt.AuthenticationError("x"), 401, False),
        (ccxt.RestrictedLocation("x"), 503, False),
        (ccxt.ExchangeNotAvailable("x"), 451, False),
        (ccxt.ExchangeNotAvailable("Access from your country is blocked"), 403, False),
        (ccxt.ExchangeNotAvailable("service unavailable from a restricted location"), 503, False),
    ],
)
def test_an_outage_is_transient_and_a_no_is_not(error: Exception, status: int, is_transient: bool) -> None:
    """By the class of the error, the status and, for a geo-block, the text."""
    assert isinstance(classified(error, status), TransientError if is_transient else SourceRefusedError)


@pytest.mark.parametrize(
    ("error", "status", "limited"),
    [
        (ccxt.RateLimitExceeded("x"), 200, True),
        (ccxt.DDoSProtection("x"), 503, True),
        (ccxt.ExchangeError("x"), 429, True),
        (ccxt.ExchangeError("x"), 418, True),
        (ccxt.ExchangeNotAvailable("x"), 503, False),
    ],
)
def test_too_many_requests_are_told_apart_and_keep_the_wait(error: Exception, status: int, limited: bool) -> None:
    """By the class of the error or the status."""
    found = classified(error, status, wait=7.0)
    assert isinstance(found, TransientError)
    assert (found.limited, found.wait) == (limited, 7.0)


def caused_by(cause: Exception, message: str) -> ccxt.ExchangeError:
    """Return an error of ccxt with the error that caused it."""
    error = ccxt.ExchangeError(message)
    error.__cause__ = cause
    return error


def test_an_answer_that_was_damaged_on_its_way_is_transient() -> None:
    """Though ccxt takes it for a refusal."""
    assert isinstance(classified(caused_by(ContentDecodingError("x"), "x")), TransientError)


def test_the_text_says_what_failed_below_ccxt_and_names_the_exchange_once() -> None:
    """An error of ccxt begins with the name and leaves the cause out."""
    refused = classified(ccxt.BadSymbol("kraken does not have FOO"))
    assert str(refused) == "kraken: BTC/USD 1h: BadSymbol: does not have FOO"
    cut = ConnectionError("aborted")
    cut.__context__ = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    said = str(classified(caused_by(cut, "kraken GET http://x")))
    assert said == "kraken: BTC/USD 1h: ExchangeError: Connection reset by peer (GET http://x)"


def test_the_text_is_one_short_line_without_secrets() -> None:
    """An exchange may answer with a page."""
    with hide_secrets("s3cret-token"):
        text = str(classified(ccxt.ExchangeNotAvailable("s3cret-token\n" + "<p>x</p>\n" * 500)))
    assert text.startswith("ExchangeNotAvailable: *** <p>x</p> <p>")
    assert text.endswith("...")
    assert len(text) == 300


@pytest.mark.parametrize("error", [KeyError("result"), IndexError("x"), TypeError("x"), ZeroDivisionError("x")])
def test_an_answer_of_another_form_is_transient(error: Exception) -> None:
    """The code of ccxt stumbles over it in any way."""
    assert isinstance(error, UNEXPECTED_ERRORS)
    assert str(unexpected(error)) == f"unexpected answer: {type(error).__name__}: {error}"
