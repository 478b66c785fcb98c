"""What is known of a job, and what an outcome or the clock makes of it: pure."""

from dccd.daemon.records.checks import LATEST_SECONDS, from_plain, salvage
from dccd.daemon.records.codec import decode, encode, is_plain, to_plain
from dccd.daemon.records.deadlines import Findings, expect_scheduled, expectation, find_trouble
from dccd.daemon.records.keys import Keyed, claims, keys, reservations
from dccd.daemon.records.model import (
    Event,
    Expectation,
    Incident,
    JobKey,
    JobMetrics,
    JobRecord,
    Kind,
    Notice,
    Outcome,
    Presence,
    Transition,
)
from dccd.daemon.records.notices import (
    MAX_PAUSE_SECONDS,
    PAUSE_SECONDS,
    Item,
    acknowledge,
    bind,
    defer,
    drop_unneeded,
    is_open,
)
from dccd.daemon.records.policy import advance, announce, expect, is_ahead

__all__ = [
    "LATEST_SECONDS",
    "MAX_PAUSE_SECONDS",
    "PAUSE_SECONDS",
    "Event",
    "Expectation",
    "Findings",
    "Incident",
    "Item",
    "JobKey",
    "JobMetrics",
    "JobRecord",
    "Keyed",
    "Kind",
    "Notice",
    "Outcome",
    "Presence",
    "Transition",
    "acknowledge",
    "advance",
    "announce",
    "bind",
    "claims",
    "decode",
    "defer",
    "drop_unneeded",
    "encode",
    "expect",
    "expect_scheduled",
    "expectation",
    "find_trouble",
    "from_plain",
    "is_ahead",
    "is_open",
    "is_plain",
    "keys",
    "reservations",
    "salvage",
    "to_plain",
]
