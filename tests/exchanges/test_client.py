"""One exchange of ccxt, made to behave."""

import threading
from collections.abc import Iterator

import pytest

from dccd.errors import SourceUnavailableError
from dccd.exchanges.client import CcxtClient, Retries
from dccd.testing import LoopbackExchange, ManualClock


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """An exchange on loopback."""
    with LoopbackExchange() as exchange:
        yield exchange


@pytest.fixture
def client(exchange: LoopbackExchange) -> Iterator[CcxtClient]:
    """A client that tries once."""
    clock = ManualClock()
    retries = Retries(attempts=1)
    client = CcxtClient("binance", retries=retries, base_url=exchange.url, clock=clock)
    yield client
    client.close()


@pytest.mark.parametrize("body", [b"", b"<html>maintenance</html>", b"null", b"[1, 2", {}])
def test_an_answer_without_content_fails_whatever_was_asked(
    exchange: LoopbackExchange, client: CcxtClient, body: object
) -> None:
    """One of several answers that make up the markets could be it."""
    exchange.answer("/api/v3/time", body)
    with pytest.raises(SourceUnavailableError, match="what: gave up after 1 try in 0s: BadResponse"):
        client.call("what", lambda ccxt_exchange: ccxt_exchange.public_get_time())


def test_calls_of_many_threads_come_one_after_another(client: CcxtClient) -> None:
    """An exchange of ccxt is not safe for threads."""
    together = threading.Barrier(2)
    met = list[bool]()

    def meet(_exchange: object) -> None:
        try:
            together.wait(0.05)
        except threading.BrokenBarrierError:
            met.append(False)
        else:
            met.append(True)

    threads = [threading.Thread(target=client.call, args=("what", meet)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [False, False]
