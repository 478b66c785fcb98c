"""What is known of a job, and what an outcome or the clock makes of it: pure."""

from dccd.daemon.records.codec import LATEST_SECONDS, decode, encode, is_plain
from dccd.daemon.records.deadlines import Findings, expect_scheduled, expectation, find_trouble
from dccd.daemon.records.model import (
    Event,
    Expectation,
    Incident,
    JobMetrics,
    JobRecord,
    Notice,
    Outcome,
    Presence,
    Transition,
    job_key,
)
from dccd.daemon.records.policy import advance, announce, expect

__all__ = [
    "LATEST_SECONDS",
    "Event",
    "Expectation",
    "Findings",
    "Incident",
    "JobMetrics",
    "JobRecord",
    "Notice",
    "Outcome",
    "Presence",
    "Transition",
    "advance",
    "announce",
    "decode",
    "encode",
    "expect",
    "expect_scheduled",
    "expectation",
    "find_trouble",
    "is_plain",
    "job_key",
]
