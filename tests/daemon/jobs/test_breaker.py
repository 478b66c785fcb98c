"""What the jobs of one exchange learn from each other."""

import pytest

from dccd.daemon.jobs.breaker import Breaker
from dccd.errors import (
    MissingExtraError,
    RateLimitedError,
    SourceRefusedError,
    SourceUnavailableError,
    StorageError,
    UnknownSourceError,
)

DOWN = SourceUnavailableError("x: no answer")


def round_of(breaker: Breaker, keys: str, now: float, broken: str) -> str:
    """Let each job run once; return what each did: asked well (.), asked in vain (!), or not at all (-)."""
    done = ""
    for key in keys:
        if breaker.hold(key, now) is not None:
            done += "-"
        elif key in broken:
            breaker.fail(key, DOWN, now)
            done += "!"
        else:
            breaker.succeed(key)
            done += "."
    return done


@pytest.mark.parametrize("error", [SourceRefusedError("no"), UnknownSourceError("no"), MissingExtraError("no")])
def test_a_refused_job_is_not_asked_again_for_an_hour(error: Exception) -> None:
    """And no other job minds; then it is asked, and the same words are no news."""
    breaker = Breaker()
    hold = breaker.fail("a", error, 100.0)
    assert hold is not None
    assert hold.refused
    assert breaker.hold("a", 3699.9) == hold
    assert breaker.hold("a", 3700.0) is None
    assert breaker.hold("b", 101.0) is None
    assert breaker.was_refused("a", SourceRefusedError("no"))
    assert not breaker.was_refused("a", SourceRefusedError("never"))
    assert not breaker.succeed("a")
    assert not breaker.was_refused("a", SourceRefusedError("no"))


def test_an_exchange_asked_too_often_is_left_alone_by_all_for_as_long_as_it_says() -> None:
    """Then all may ask."""
    breaker = Breaker()
    hold = breaker.fail("a", RateLimitedError("slow down", wait=120.0), 0.0)
    assert hold is not None
    assert (hold.until, hold.refused) == (120.0, False)
    assert [breaker.hold(key, 119.9) for key in "ab"] == [hold, hold]
    assert [breaker.hold(key, 120.0) for key in "ab"] == [None, None]
    assert breaker.succeed("b")
    assert not breaker.is_resting


def test_an_exchange_that_does_not_say_how_long_is_left_alone_for_longer_each_time() -> None:
    """Between a minute and a quarter of an hour; an answer begins anew; and nobody waits for a year."""
    breaker = Breaker()
    assert [left_alone(breaker) for _ in range(6)] == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    breaker.succeed("a")
    assert left_alone(breaker) == 60.0
    assert left_alone(breaker, 1e9) == 86_400.0


def left_alone(breaker: Breaker, wait: float | None = None) -> float:
    """Have a job asked too often; return for how long the exchange is left alone."""
    hold = breaker.fail("a", RateLimitedError("slow down", wait), 0.0)
    assert hold is not None
    return hold.until


def test_an_exchange_that_three_series_cannot_reach_is_tried_by_few() -> None:
    """With longer rests, until one comes through: then all go on."""
    breaker, keys = Breaker(), "abcdefgh"
    assert round_of(breaker, keys, 0.0, keys) == "!!!-----"
    assert round_of(breaker, keys, 14.0, keys) == "--------"
    assert round_of(breaker, keys, 15.0, keys) == "!--!----"
    assert round_of(breaker, keys, 44.0, keys) == "--------"
    assert round_of(breaker, keys, 60.0, keys) == "!---!---"
    assert round_of(breaker, keys, 120.0, keys) == "!----!--"
    assert round_of(breaker, keys, 180.0, "") == "........"


def test_when_all_have_failed_any_may_try() -> None:
    """Or an outage would never end."""
    breaker, keys = Breaker(), "abc"
    assert round_of(breaker, keys, 0.0, keys) == "!!!"
    assert round_of(breaker, keys, 20.0, keys) == "!--"
    assert round_of(breaker, keys, 60.0, "") == "..."


def test_those_that_have_failed_do_not_wait_for_a_series_that_is_due_tomorrow() -> None:
    """However many others there are."""
    breaker = Breaker()
    assert round_of(breaker, "abcdefgh", 0.0, "abcdefgh") == "!!!-----"
    assert round_of(breaker, "abc", 60.0, "") == "..."


@pytest.mark.parametrize("seconds", [60, 300, 86_400])
def test_series_that_fail_alone_keep_nobody_waiting(seconds: int) -> None:
    """Three that are broken for days: the others lose one round, and none later."""
    breaker, keys = Breaker(), "abcdef"
    assert round_of(breaker, keys, 0.0, "abc") == "!!!---"
    assert round_of(breaker, keys, seconds, "abc") == "!--..."
    for number in range(2, 6):
        assert round_of(breaker, keys, float(number * seconds), "abc") == "!!!..."


def test_one_or_two_series_are_asked_at_every_tick() -> None:
    """They cost little."""
    breaker = Breaker()
    for minute in range(5):
        assert round_of(breaker, "ab", minute * 60.0, "ab") == "!!"


def test_a_failure_of_our_own_says_nothing_of_the_exchange() -> None:
    """A full disk is no reason to leave it alone."""
    breaker = Breaker()
    for key in "abcd":
        assert breaker.fail(key, StorageError("full"), 0.0) is None
        assert breaker.hold(key, 0.0) is None
