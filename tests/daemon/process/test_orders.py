"""Orders to the daemon."""

import threading

from dccd.daemon.process.orders import Orders


def test_the_most_urgent_order_is_taken_first() -> None:
    """To stop comes before all else."""
    orders = Orders()
    orders.tick()
    orders.reload()
    orders.stop()
    assert [orders.take() for _ in range(3)] == ["stop", "reload", "tick"]
    assert orders.stopped.is_set()


def test_an_order_given_many_times_counts_once() -> None:
    """A storm of signals is one reload; one that comes after it was taken is another."""
    orders = Orders()
    for _ in range(100):
        orders.reload()
    assert orders.take() == "reload"
    orders.tick()
    assert orders.take() == "tick"
    orders.reload()
    assert orders.take() == "reload"


def test_who_waits_for_an_order_is_woken() -> None:
    """By whatever thread gives it."""
    orders, taken = Orders(), []
    thread = threading.Thread(target=lambda: taken.append(orders.take()))
    thread.start()
    orders.stop()
    thread.join(30)
    assert taken == ["stop"]
