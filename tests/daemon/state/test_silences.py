"""Silences and destinations that are gone, in ``alerts.json``."""

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dccd.daemon.state.silences import ALERTS_FILE, AlertState, Silence, change_alert_state, read_alert_state
from dccd.disk import STATE_DIRECTORY, file_lock
from dccd.errors import StorageError

NOW = 1_700_000_000.0


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path) -> Path:
    """Return a state directory that is there."""
    directory = tmp_path / STATE_DIRECTORY
    directory.mkdir()
    return directory


def silencing(key: str, until: float, reason: str = "") -> Callable[[AlertState], AlertState]:
    """Return the change that silences a job."""
    return lambda state: replace(state, silences={**state.silences, key: Silence(until, reason)})


def silence_many(directory: str, name: str, count: int) -> None:
    """Silence jobs one by one, as another process does."""
    for number in range(count):
        change_alert_state(Path(directory), silencing(f"{name}{number}", NOW + 60), NOW)


def test_nothing_is_silenced_where_nobody_asked(tmp_path: Path) -> None:
    """A directory that does not exist is no error for those who look."""
    assert read_alert_state(tmp_path) == AlertState()
    assert read_alert_state(tmp_path / "nowhere") == AlertState()
    assert list((tmp_path / STATE_DIRECTORY).iterdir()) == []


def test_a_silence_holds_until_its_time(tmp_path: Path) -> None:
    """And is over then, though it is still in the file."""
    state = change_alert_state(tmp_path, silencing("a", NOW + 60, "upgrade"), NOW)
    assert read_alert_state(tmp_path) == state
    assert state.silent(NOW) == state.silent(NOW + 59.9) == {"a": Silence(NOW + 60, "upgrade")}
    assert state.silent(NOW + 60) == {}


def test_a_silence_from_the_future_silences_nobody_and_stays(tmp_path: Path) -> None:
    """It was set while the clock was ahead; on a clock that runs behind until it is set right, it is not lost."""
    silence = Silence(NOW + 7200, since=NOW)
    for before in (0, 60):
        assert AlertState({"a": silence}).silent(NOW - before) == {"a": silence}
    assert AlertState({"a": silence}).silent(NOW - 61) == {}
    change_alert_state(tmp_path, lambda state: replace(state, silences={"a": silence}), NOW - 1e9)
    assert read_alert_state(tmp_path).silent(NOW) == {"a": silence}


def test_a_silence_that_is_over_goes_with_the_next_change(tmp_path: Path) -> None:
    """The others stay."""
    change_alert_state(tmp_path, silencing("a", NOW + 60), NOW)
    change_alert_state(tmp_path, silencing("b", NOW + 600), NOW)
    state = change_alert_state(tmp_path, lambda state: state, NOW + 60)
    assert set(state.silences) == set(read_alert_state(tmp_path).silences) == {"b"}


def test_what_a_newer_version_keeps_beside_is_carried_along(tmp_path: Path) -> None:
    """Whatever it is."""
    kept = {"routes": [{"to": "anna", "level": 2}], "version": 7}
    (tmp_path / STATE_DIRECTORY / ALERTS_FILE).write_text(json.dumps({"gone": {"abc": "HTTP 410 Gone"}, **kept}))
    change_alert_state(tmp_path, silencing("a", NOW + 60), NOW)
    raw = json.loads((tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes())
    assert {name: raw[name] for name in kept} == kept
    assert raw["gone"] == {"abc": "HTTP 410 Gone"}
    assert raw["silences"]["a"]["until"] == NOW + 60


def test_what_a_newer_version_keeps_of_a_silence_is_carried_along(tmp_path: Path) -> None:
    """As it is of incidents and notices."""
    silence = {"until": NOW + 60, "reason": "upgrade", "by": "anna"}
    (tmp_path / STATE_DIRECTORY / ALERTS_FILE).write_text(json.dumps({"silences": {"a": silence}}))
    change_alert_state(tmp_path, silencing("b", NOW + 60), NOW)
    assert json.loads((tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes())["silences"]["a"] == silence


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"damage",
        b"[]",
        b'{"silences": 3}',
        b'{"silences": {"a": {}}}',
        b'{"silences": {"a": 5}}',
        b'{"silences": {"a": {"until": "soon"}}}',
        b'{"gone": ["x"]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_set_aside_by_the_next_change(tmp_path: Path, damage: bytes) -> None:
    """Whoever only looks takes it for absent and leaves it; nothing of it is lost."""
    (tmp_path / STATE_DIRECTORY / ALERTS_FILE).write_bytes(damage)
    assert read_alert_state(tmp_path) == AlertState()
    assert (tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes() == damage
    state = change_alert_state(tmp_path, silencing("a", NOW + 60), NOW)
    assert set(read_alert_state(tmp_path).silences) == set(state.silences) == {"a"}
    (aside,) = (tmp_path / STATE_DIRECTORY).glob(f"{ALERTS_FILE}.corrupt-*")
    assert aside.read_bytes() == damage


def test_a_reason_may_be_any_text(tmp_path: Path) -> None:
    """The file is ASCII all the same."""
    reason = 'näch"ste\nWoche \N{SLEEPING FACE}'
    change_alert_state(tmp_path, silencing("kraken/BTC/€", NOW + 60, reason), NOW)
    assert read_alert_state(tmp_path).silences["kraken/BTC/€"].reason == reason
    assert (tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes().isascii()


def test_a_directory_in_which_nothing_was_recorded_is_an_error_in_one_line(tmp_path: Path) -> None:
    """A silence there would silence nobody."""
    with pytest.raises(StorageError, match=r"storage\.local_path") as raised:
        change_alert_state(tmp_path / "nowhere", silencing("a", NOW + 60), NOW)
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path) -> None:
    """A directory in its place, here."""
    (tmp_path / STATE_DIRECTORY / ALERTS_FILE).mkdir()
    with pytest.raises(StorageError, match=ALERTS_FILE) as raised:
        change_alert_state(tmp_path, silencing("a", NOW + 60), NOW)
    assert len(str(raised.value).splitlines()) == 1


def test_a_change_that_raises_changes_nothing(tmp_path: Path) -> None:
    """And leaves no lock behind."""
    change_alert_state(tmp_path, silencing("a", NOW + 60), NOW)
    before = (tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes()

    def broken(state: AlertState) -> AlertState:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_alert_state(tmp_path, broken, NOW)
    assert (tmp_path / STATE_DIRECTORY / ALERTS_FILE).read_bytes() == before
    with file_lock(tmp_path / STATE_DIRECTORY / f"{ALERTS_FILE}.lock", timeout=0):
        pass


def test_two_processes_lose_none_of_their_changes(tmp_path: Path) -> None:
    """Each change is made on top of all the others."""
    spawning = multiprocessing.get_context("spawn")
    other = spawning.Process(target=silence_many, args=(str(tmp_path), "theirs", 40))
    other.start()
    silence_many(str(tmp_path), "ours", 40)
    other.join(30)
    assert other.exitcode == 0
    assert set(read_alert_state(tmp_path).silences) == {f"{name}{n}" for name in ("ours", "theirs") for n in range(40)}
