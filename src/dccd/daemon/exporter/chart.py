"""A chart of the stored candles: bars over time."""

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from dccd.printable import printable
from dccd.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dccd.candles import Span

_WIDTH: Final = 1000.0
_HEIGHT: Final = 12
_MIN_WIDTH: Final = 2.0
_MAX_SERIES: Final = 300
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of candles, in milliseconds since the epoch; `missing` of them are not stored."""

    start: int
    end: int
    rows: int
    missing: int


def bars(span: "Span") -> list[Bar]:
    """Return the stored candles of a series as few bars, in order: complete months that follow each other are one."""
    step = span.series.seconds * 1000
    found: list[Bar] = []
    for month in span.months:
        bar = Bar(month.first, month.last + step, month.rows, span.missing(month))
        before = found[-1] if found else None
        if before is not None and before.end == bar.start and not before.missing and not bar.missing:
            found[-1] = Bar(before.start, bar.end, before.rows + bar.rows, 0)
        else:
            found.append(bar)
    return found


def chart(spans: "Sequence[Span]", now: float) -> str:
    """Return a chart of the stored candles as HTML, a row for each series; it needs the style of the page."""
    shown = spans[:_MAX_SERIES]
    first = min(month.first for span in shown for month in span.months)
    last = max(int(now * 1000), *(month.last for span in shown for month in span.months), first + 1)
    rows = "".join(_row(span, first, last) for span in shown)
    more = f"<p>and {len(spans) - _MAX_SERIES} more series</p>" if len(spans) > _MAX_SERIES else ""
    return f'<div class="chart">{rows}{_axis(first, last)}</div>{more}'


def _row(span: "Span", first: int, last: int) -> str:
    found = bars(span)
    rows, missing = sum(bar.rows for bar in found), sum(bar.missing for bar in found)
    breaks = sum(after.start > before.end for before, after in pairwise(found))
    held = f"{_day(found[0].start)} to {_day(found[-1].end)}, {rows:,} candles"
    gaps = f", {missing:,} missing within months" if missing else ""
    gaps += f", {breaks} {'gap' if breaks == 1 else 'gaps'} between months" if breaks else ""
    name = escape(printable(f"{span.series.exchange} {span.series.pair} {span.series.timeframe}"))
    drawn = "".join(_rectangle(bar, first, last) for bar in found)
    return (
        f'<div class="series"><span class="name">{name}</span>'
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{name}: {held}{gaps}">{drawn}</svg>'
        f'<span class="held">{held}{gaps}</span></div>'
    )


def _rectangle(bar: Bar, first: int, last: int) -> str:
    scale = _WIDTH / (last - first)
    width = max(_MIN_WIDTH, (bar.end - bar.start) * scale)
    x = min((bar.start - first) * scale, _WIDTH - width)
    told = f"{_day(bar.start)} to {_day(bar.end)}: " + (f"{bar.missing:,} missing" if bar.missing else "complete")
    kind = "part" if bar.missing else "full"
    # Half height where candles are missing, as not everyone can tell by colour.
    y, height = (_HEIGHT / 2, _HEIGHT / 2) if bar.missing else (0, _HEIGHT)
    return (
        f'<rect class="{kind}" x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}">'
        f"<title>{told}</title></rect>"
    )


def _axis(first: int, last: int) -> str:
    days = (_day(first + (last - first) * number // (_TICKS - 1)) for number in range(_TICKS))
    ticks = "".join(f"<span>{day}</span>" for day in days)
    return f'<div class="axis" aria-hidden="true">{ticks}</div>'


def _day(milliseconds: int) -> str:
    return format_time(milliseconds / 1000, "days")
