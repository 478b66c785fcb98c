"""Commands about candles: list what is missing, export what is stored."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dccd.candles import CandleSource, CandleStore, Gap, Series, fill_gaps, open_source
from dccd.cli.options import milliseconds_of
from dccd.cli.render import table
from dccd.errors import DccdError, SourceError, StorageError
from dccd.lake import table_writer, utc
from dccd.redact import redact

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The series that a command is about; None matches any."""

    exchange: str | None = None
    pair: str | None = None
    timeframe: str | None = None

    def of(self, config: "CollectorConfig") -> list[Series]:
        """Return the stored series that match; if series are stored and none matches, that is an error."""
        stored = CandleStore(config.storage.local_path, read_only=True).series()
        found = [series for series in stored if self._takes(series)]
        if not found and stored:
            known = ", ".join(str(series) for series in stored[:5])
            msg = f"no such series is stored in {config.storage.local_path}; it has: {known}"
            raise DccdError(msg)
        return found

    def _takes(self, series: Series) -> bool:
        pairs = ((self.exchange, series.exchange), (self.pair, series.pair), (self.timeframe, series.timeframe))
        return all(wanted in {None, found} for wanted, found in pairs)


def show_gaps(  # noqa: PLR0913 - keywords
    config: "CollectorConfig", wanted: Wanted, *, say: Say, warn: Say, fill: bool = False, as_json: bool = False
) -> bool:
    """Print the missing candles, first filled if asked; return whether all files and exchanges could be read."""
    path = config.storage.local_path
    store, gaps, well = CandleStore(path, read_only=True), dict[Series, list[Gap]](), True
    found = wanted.of(config)
    for series in found:
        try:
            gaps[series] = store.gaps(series)
        except StorageError as error:
            well = False
            warn(f"dccd: {error}")
    if fill:
        well &= _fill(config, {series: missing for series, missing in gaps.items() if missing}, gaps, warn)
    rows = [_row(series, gap) for series, missing in gaps.items() for gap in missing]
    if as_json:
        say(json.dumps(rows, indent=2))
    elif rows:
        header = [name.upper() for name in rows[0]]
        say(table(header, ([str(value) for value in row.values()] for row in rows)))
    else:
        say(f"no gaps in {len(gaps)} series" if found else f"no candles are stored in {path}")
    return well


def _row(series: Series, gap: Gap) -> dict[str, str | int]:
    return {
        "exchange": series.exchange,
        "pair": series.pair,
        "timeframe": series.timeframe,
        "from": utc(gap.start),
        "to": utc(gap.end),
        "candles": gap.missing,
    }


def _fill(config: "CollectorConfig", wanted: dict[Series, list[Gap]], gaps: dict[Series, list[Gap]], warn: Say) -> bool:
    addresses = {job.exchange: job.base_url for job in config.histo_jobs}
    storage = config.storage
    store = CandleStore(storage.local_path, fsync=storage.fsync, must_exist=storage.must_exist)
    sources: dict[str, CandleSource] = {}
    answered = True
    try:
        for series, missing in wanted.items():
            count = sum(gap.missing for gap in missing)
            try:
                if series.exchange not in sources:
                    address = addresses.get(series.exchange)
                    sources[series.exchange] = open_source(series.exchange, base_url=address)
                filled = fill_gaps(sources[series.exchange], store, series, missing)
            except SourceError as error:
                answered = False
                gaps[series] = store.gaps(series)
                warn(f"dccd: {series}: {redact(str(error))}")
            else:
                gaps[series] = list(filled.left)
                warn(f"{series}: {filled.new} of {count} candles filled{_not_there(filled.left)}")
    finally:
        for source in sources.values():
            source.close()
    return answered


def _not_there(left: Iterable[Gap]) -> str:
    count = sum(gap.missing for gap in left)
    return f"; the exchange does not have the other {count}" if count else ""


def export_series(  # noqa: PLR0913 - keywords
    config: "CollectorConfig",
    wanted: tuple[str, str, str],
    output: Path,
    *,
    start: str | None = None,
    end: str | None = None,
    force: bool = False,
) -> str:
    """Write the candles of a series to a file and return a line with their number; none at all is an error."""
    write = table_writer(output, force=force)
    stored = Wanted(*wanted).of(config)
    if not stored:
        msg = f"no candles are stored in {config.storage.local_path}"
        raise DccdError(msg)
    (series,) = stored
    first, last = milliseconds_of("--start", start), milliseconds_of("--end", end)
    store = CandleStore(config.storage.local_path, read_only=True)
    content = store.read(series, first, last)
    if not content.num_rows:
        msg = f"no candles of {series} are stored{' in that range' if start or end else ''}; nothing was written"
        raise DccdError(msg)
    write(content)
    missing = sum(gap.missing for gap in store.gaps(series, first, last))
    lack = f"; {missing} are missing between them, dccd gaps shows which" if missing else ""
    return f"{output}: {content.num_rows} candles of {series}{lack}"
