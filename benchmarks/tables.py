"""Results as text for a terminal and as reStructuredText for the documentation."""

from collections.abc import Sequence
from statistics import median

from benchmarks.figures import Results, Section, Verdict, ratio, spread, verdicts

__all__ = ["rst", "text"]

_DIGITS = 3


def text(results: Results) -> str:
    """Return tables for a terminal."""
    parts = [f"{name}: {value}" for name, value in results.facts.items()]
    for section in results.sections:
        rows = [["", *_headings(section)], *_cells(section)]
        parts += ["", f"{section.title} ({section.unit}; median, and in brackets the middle half of the rounds)"]
        parts += _aligned(rows)
    parts += ["", "targets", *_aligned([_verdict(each) for each in verdicts(results)])]
    return "\n".join(parts)


def rst(results: Results) -> str:
    """Return tables for the documentation."""
    parts = [
        ".. Written by tools/dev.py bench --write-docs",
        "",
        *_list([f"{n}: {v}" for n, v in results.facts.items()]),
    ]
    for section in results.sections:
        headings = ["", *_headings(section)]
        parts += ["", _underlined(f"{section.title} ({section.unit})"), *_list_table([headings, *_cells(section)])]
    headings = ["Target", "Limit", "Measured", ""]
    parts += ["", _underlined("Targets"), *_list_table([headings, *map(_verdict, verdicts(results))])]
    return "\n".join(parts) + "\n"


def number(value: float) -> str:
    """Return a number with three digits that count."""
    if value >= 10 ** (_DIGITS - 1):
        return f"{value:,.0f}"
    return f"{value:.{_DIGITS}g}"


def _headings(section: Section) -> list[str]:
    return [*section.columns, *(f"{one} / {other}" for one, other in section.ratios)]


def _cells(section: Section) -> list[list[str]]:
    table = []
    for row in section.rows:
        cells = [_measured(row.rounds[who]) if who in row.rounds else "" for who in section.columns]
        for one, other in section.ratios:
            known = one in row.rounds and other in row.rounds
            cells.append(number(ratio(row, one, other)) if known else "")
        table.append([row.label, *cells])
    return table


def _measured(rounds: Sequence[float]) -> str:
    low, high = spread(rounds)
    middle = number(median(rounds))
    return middle if len(rounds) == 1 else f"{middle} [{number(low)}-{number(high)}]"


def _verdict(verdict: Verdict) -> list[str]:
    return [verdict.text, number(verdict.limit), number(verdict.value), "met" if verdict.met else "NOT MET"]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, *rest = widths
    return [
        "  ".join(
            [row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], rest, strict=True))]
        ).rstrip()
        for row in rows
    ]


def _underlined(title: str) -> str:
    return f"{title}\n{'-' * len(title)}\n"


def _list(items: Sequence[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _list_table(rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        first, *rest = row
        lines += [f"   * - {first}".rstrip(), *(f"     - {cell}".rstrip() for cell in rest)]
    return lines
