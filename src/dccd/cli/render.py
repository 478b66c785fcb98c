"""Tables that the commands print, as pure functions."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from dccd.printable import printable
from dccd.redact import redact
from dccd.units import format_time

if TYPE_CHECKING:
    from dccd.daemon.scheduler import JobResult

_WIDTH: Final = 240


def table(header: Sequence[str], rows: Iterable[Sequence[str]], width: int = _WIDTH) -> str:
    """Return rows in aligned columns; a line that is too long is cut."""
    grid = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in grid) for column in range(len(header))]
    text = ("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in grid)
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in text)


def results_table(results: "Iterable[JobResult]") -> str:
    """Return the result of each job of a run, and below the table the errors in full."""
    results = list(results)
    rows = [
        (
            "ok" if result.ok else "FAILED",
            result.key,
            result.timeframe,
            str(result.rows),
            _newest(result.newest),
            str(sum(gap.missing for gap in result.gaps)),
        )
        for result in results
    ]
    errors = [f"\n{printable(f'{result.key}: {redact(result.error)}')}" for result in results if result.error]
    return "\n".join([table(("RESULT", "JOB", "TIME", "NEW", "NEWEST (UTC)", "MISSING"), rows), *errors])


def _newest(milliseconds: int | None) -> str:
    return (
        "-" if milliseconds is None else format_time(milliseconds / 1000, "minutes", spoken=True).removesuffix(" UTC")
    )
