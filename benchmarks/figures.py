"""What was measured, what it says, and whether that is what we aim at. Pure: no clock, file or process."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Final

__all__ = ["TARGETS", "Results", "Row", "Section", "Target", "Verdict", "ratio", "spread", "verdicts"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: for each of those compared, the value of every round, in the order of the rounds."""

    label: str
    rounds: Mapping[str, Sequence[float]]

    def value(self, who: str) -> float:
        """Return the median of the rounds."""
        return median(self.rounds[who])


@dataclass(frozen=True, slots=True)
class Section:
    """A table: lines that are measured in one unit, and the pairs whose ratio is of interest."""

    name: str
    title: str
    unit: str
    rows: Sequence[Row]
    ratios: Sequence[tuple[str, str]] = ()

    @property
    def columns(self) -> list[str]:
        """Those compared, in the order of their first appearance."""
        return list(dict.fromkeys(who for row in self.rows for who in row.rounds))


@dataclass(frozen=True, slots=True)
class Results:
    """All tables, and when and where they were measured."""

    facts: Mapping[str, str]
    sections: Sequence[Section]

    def row(self, section: str, label: str) -> Row:
        """Return one line."""
        (table,) = (each for each in self.sections if each.name == section)
        (line,) = (each for each in table.rows if each.label == label)
        return line

    def to_json(self) -> dict[str, Any]:
        """Return all of it as lists and dicts, for a file of JSON."""
        sections = [
            {
                "name": each.name,
                "title": each.title,
                "unit": each.unit,
                "rows": {row.label: {who: list(rounds) for who, rounds in row.rounds.items()} for row in each.rows},
                "ratios": [list(pair) for pair in each.ratios],
            }
            for each in self.sections
        ]
        return {"facts": dict(self.facts), "sections": sections}


def spread(rounds: Sequence[float]) -> tuple[float, float]:
    """Return between which values the middle half of the rounds lies."""
    if len(rounds) == 1:
        return rounds[0], rounds[0]
    low, _, high = quantiles(rounds, method="inclusive")
    return low, high


def ratio(row: Row, one: str, other: str) -> float:
    """Return how many times the other the one is.

    The median over the rounds, in each of which both were measured side by side.
    """
    pairs = zip(row.rounds[one], row.rounds[other], strict=True)
    return median(first / second for first, second in pairs)


@dataclass(frozen=True, slots=True)
class Target:
    """Something to reach."""

    text: str
    limit: float
    measure: Callable[[Results], float]
    reaches: Callable[[float, float], bool] = operator.ge


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a target."""

    text: str
    value: float
    limit: float
    met: bool


def _times(section: str, label: str, one: str, other: str) -> Callable[[Results], float]:
    return lambda results: ratio(results.row(section, label), one, other)


DURABLE: Final = "dccd, fsync"
QUICK: Final = "dccd"
PEER: Final = "dccd 2.4.0"
FLOOR_DURABLE: Final = "floor, fsync"
FLOOR: Final = "floor"

TARGETS: Final = (
    Target("record at 10,000 jobs: times as fast as 2.4.0", 30, _times("record", "10,000", PEER, QUICK)),
    Target("the same with fsync", 12, _times("record", "10,000", PEER, DURABLE)),
    Target(
        "durable record at 1 job: times the floor, at most",
        2,
        _times("record", "1", DURABLE, FLOOR_DURABLE),
        operator.le,
    ),
    Target(
        "construction at 10,000 jobs: milliseconds, less than",
        100,
        lambda results: results.row("construct", "10,000").value(QUICK),
        operator.lt,
    ),
    Target(
        "64 threads at 10,000 jobs with fsync: records a second, more than",
        2000,
        lambda results: results.row("threads", "64").value(DURABLE),
        operator.gt,
    ),
    Target("import of dccd.daemon.health: times as fast as 2.4.0", 5, _times("start", "import", PEER, QUICK)),
    Target("dccd --help: times as fast as 2.4.0", 5, _times("start", "--help", PEER, QUICK)),
)


def verdicts(results: Results) -> list[Verdict]:
    """Return what came of each target."""
    found = []
    for target in TARGETS:
        value = target.measure(results)
        found.append(Verdict(target.text, value, target.limit, target.reaches(value, target.limit)))
    return found
