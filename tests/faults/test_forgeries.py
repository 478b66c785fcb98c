"""Metrics files that somebody else wrote, and clocks that jump."""

import json
import math
import os
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.daemon.records.typed import records_as_json

from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor, read_metrics
from dccd.daemon.records.codec import decode
from dccd.errors import StorageError
from dccd.testing import ManualClock

EXAMPLES = 2000 if os.environ.get("DCCD_SOAK") else 120
METRICS = Path(".dccd", "metrics.json")

texts = st.text(max_size=8)
keys = st.sampled_from(["kraken/BTC/USD", "kraken/BTC/USD@1m", "", "\ud800", 'a"b\\', "é"]) | texts
numbers = st.integers() | st.floats() | st.sampled_from([10**400, 1e308, 2**63, -1, 253402300800, True])
odd: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.tuples(records_as_json(odd), st.dictionaries(st.just("of a newer version"), odd)).map(
    lambda parts: parts[0] | parts[1]
)
plain = st.fixed_dictionaries(
    {name: st.integers(0, 2**40) for name in ("last_run_at", "rows_collected", "errors_count")},
    optional={"of a newer version": st.lists(texts), "incidents": st.just([])},
)
objects = st.dictionaries(keys, plain | records | odd, max_size=5)
separators = st.sampled_from([(",", ":"), (", ", ": "), (",\n", ":\t")])
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])


def use(directory: Path, clock: ManualClock) -> None:
    """Do with a monitor all that one can do."""
    config = CollectorConfig(
        storage=StorageConfig(local_path=directory, fsync=False), alerts=AlertConfig(), log=LogConfig(file="off")
    )
    with closing(HealthMonitor.from_config(config, clock=clock)) as monitor:
        monitor.get_metrics()
        monitor.check()
        monitor.record_success("new", "A/B", 1)
        for pair in ("BTC/USD", "ETH/USD"):
            monitor.record_failure("kraken", pair, error="E: x")
            monitor.record_success("kraken", pair, 1)
        monitor.expect("kraken", "BTC/USD", every="1m", max_age="1h")
        monitor.check()
        assert monitor.flush()
        assert monitor.persistence_fault is None
        assert monitor.get_metrics() == read_metrics(directory)


def saved(directory: Path) -> dict[str, bytes]:
    """Return what was set aside, by kind."""
    found: dict[str, bytes] = {}
    for file in (directory / METRICS).parent.glob("metrics.json.*-*"):
        kind = re.sub(r"metrics\.json\.([a-z]+)-.*", r"\1", file.name)
        assert kind not in found
        found[kind] = file.read_bytes()
    return found


def forge(base: Path, data: bytes) -> Path:
    """Return a data directory with a metrics file."""
    directory = base / f"{len(list(base.iterdir()))}"
    (directory / METRICS).parent.mkdir(parents=True)
    (directory / METRICS).write_bytes(data)
    return directory


def pairs_of(data: bytes) -> list[tuple[str, str]]:
    """Return the members of an object, as JSON."""
    found: list[list[tuple[str, Any]]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(pairs)
        return dict(pairs)

    json.loads(data, object_pairs_hook=keep)
    return [(key, json.dumps(value)) for key, value in found[-1]]


def is_good(value: object) -> bool:
    """Say whether a value is a record."""
    try:
        decode(json.loads(json.dumps(value), parse_constant=lambda _text: NotImplemented))
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for directories."""
    return tmp_path_factory.mktemp("forged")


@given(data=st.binary(max_size=60) | st.sampled_from([b"", b"{", b"[]", b"null", b'{"a": {}} x', b"\0" * 4096]))
@settings(max_examples=EXAMPLES)
def test_bytes_of_any_kind_are_kept_and_stop_nobody(base: Path, data: bytes) -> None:
    """What is no object is set aside as it is."""
    directory = forge(base, data)
    try:
        read_metrics(directory)
    except StorageError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either is right
    use(directory, ManualClock())
    assert saved(directory).get("corrupt", b"") == (b"" if is_object(data) else data)


def is_object(data: bytes) -> bool:
    """Say whether Python reads a JSON object."""
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


@given(pairs=st.lists(st.tuples(keys, plain | records | odd), max_size=6), separators=separators, encoding=encodings)
@settings(max_examples=EXAMPLES)
def test_json_of_any_shape_is_kept_and_stops_nobody(
    base: Path, pairs: list[tuple[str, Any]], separators: tuple[str, str], encoding: str
) -> None:
    """A record is gone on with or set aside, one by one, and nothing that was there exists nowhere."""
    comma, colon = separators
    text = comma.join(f"{json.dumps(key)}{colon}{json.dumps(value)}" for key, value in pairs)
    directory = forge(base, f"{{{text}}}".encode(encoding))
    use(directory, ManualClock())
    there = dict(pairs_of((directory / METRICS).read_bytes()))
    aside = saved(directory)
    assert set(aside) <= {"rejected"}
    moved = pairs_of(aside["rejected"]) if aside else []
    good = {key: value for key, value in pairs if is_good(value)}
    for key, value in pairs:
        if key in good and good[key] is value:
            assert key in there
            if key not in {"kraken/BTC/USD", "kraken/ETH/USD"} and not value.get("expected"):
                assert there[key] == json.dumps(value)
        else:
            assert (key, json.dumps(value)) in moved


@given(pairs=st.dictionaries(keys, records, max_size=3))
@settings(max_examples=EXAMPLES // 4)
def test_a_file_that_is_rewritten_is_read_in_full_by_the_next(base: Path, pairs: dict[str, Any]) -> None:
    """What a monitor writes no monitor refuses."""
    directory = forge(base, json.dumps(pairs).encode())
    use(directory, ManualClock())
    before = len(saved(directory))
    first = read_metrics(directory)
    use(directory, ManualClock())
    assert len(saved(directory)) == before
    assert set(read_metrics(directory)) == set(first)


@given(times=st.lists(st.floats(0, 4e9), min_size=1, max_size=12))
@settings(max_examples=EXAMPLES)
def test_a_clock_that_jumps_breaks_nothing(base: Path, times: list[float]) -> None:
    """Counters count, times are those of the clock, and the file can be read by the next process."""
    directory = forge(base, b"{}")
    clock = ManualClock(times[0])
    config = CollectorConfig(
        storage=StorageConfig(local_path=directory, fsync=False),
        alerts=AlertConfig(max_consecutive_errors=2),
        log=LogConfig(file="off"),
    )
    with HealthMonitor.from_config(config, clock=clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1m", max_age="1h")
        for number, now in enumerate(times):
            with monitor.track("kraken", "BTC/USD") as run:
                clock.jump(now - clock.time())
                run.rows, run.newest_at = 1, now
            for _ in range(number % 4):
                monitor.record_failure("kraken", "ETH/USD", error="E: x")
            monitor.check()
        assert monitor.flush()
        there = read_metrics(directory)
    found = there["kraken/BTC/USD"]
    assert (found.rows_collected, found.runs) == (len(times), len(times))
    assert found.last_run_at == pytest.approx(times[-1], abs=0.01)
    assert found.last_duration is not None
    assert 0 <= found.last_duration < math.inf
    assert saved(directory) == {}
