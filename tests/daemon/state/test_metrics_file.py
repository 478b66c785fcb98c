"""The file of all records."""

import json
import logging
import os
import stat
from pathlib import Path

import pytest
from tests.daemon.state.counting import FOUR, add, fault_of, on_disk, rows

from dccd.daemon.state.metrics_file import METRICS_FILE
from dccd.daemon.state.store import MetricsStore, read_records
from dccd.disk import file_lock
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.errors import StorageError
from dccd.testing import ManualClock


def test_the_file_is_private_and_nothing_is_left_beside_it(directory: Path) -> None:
    """Errors of other people's systems are in it."""
    store = MetricsStore(directory)
    for _ in range(3):
        store.update({"a": add})
    assert stat.S_IMODE((directory / METRICS_FILE).stat().st_mode) == 0o600
    assert {file.name for file in directory.iterdir()} <= {METRICS_FILE, f"{METRICS_FILE}.lock"}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": ', b"[" * 100_000, b"null", b"\0" * 500])
def test_a_damaged_file_is_renamed_and_an_error_names_it(
    path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    """Nothing of it is lost, and the monitor goes on."""
    path.write_bytes(damage)
    store = MetricsStore(path.parent, clock=ManualClock(0))
    store.update({"a": add})
    aside = path.with_name("metrics.json.corrupt-19700101T000000Z")
    assert aside.read_bytes() == damage
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(aside) in record.getMessage()
    assert on_disk(path.parent) == {"a": 1}


def test_a_second_damaged_file_never_replaces_the_first(path: Path) -> None:
    """Though both are found in the same second."""
    for number in range(3):
        path.write_bytes(b"damage %d" % number)
        MetricsStore(path.parent, clock=ManualClock(0))
    found = {file.read_bytes() for file in path.parent.glob("metrics.json.corrupt-*")}
    assert found == {b"damage 0", b"damage 1", b"damage 2"}


def test_a_file_damaged_under_a_running_store_costs_nothing(path: Path) -> None:
    """What the store knows is written anew."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    path.write_bytes(b"damage")
    assert rows(store) == 1
    assert path.read_bytes() == b"damage"
    store.update({"a": add})
    assert on_disk(path.parent) == {"a": 2}
    assert [file.read_bytes() for file in path.parent.glob("metrics.json.corrupt-*")] == [b"damage"]


def test_a_bad_record_is_set_aside_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others go on; what was bad is kept, and an ERROR names it."""
    bad = {"rows_collected": -1}
    path.write_text(json.dumps({"good": {**FOUR, "rows_collected": 7}, "bad": bad}))
    store = MetricsStore(path.parent)
    store.update({"good": add, "bad": add})
    assert on_disk(path.parent) == {"good": 8, "bad": 1}
    (aside,) = path.parent.glob("metrics.json.rejected-*")
    assert json.loads(aside.read_bytes()) == {"bad": bad}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "bad" in record.getMessage()
    assert str(aside) in record.getMessage()


def test_a_bad_record_is_set_aside_once_however_often_the_file_is_opened(path: Path) -> None:
    """A process that starts every minute and records nothing does not fill the directory."""
    path.write_text(json.dumps({"good": FOUR, "bad": {"rows_collected": -1}}))
    for _ in range(3):
        MetricsStore(path.parent)
    assert len(list(path.parent.glob("metrics.json.rejected-*"))) == 1


def test_to_look_sets_no_bad_record_aside(path: Path) -> None:
    """That takes the lock; what was known counts until the next commit."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    text = json.dumps({"a": {"rows_collected": 7}, "bad": {"rows_collected": -1}})
    path.write_text(text)
    assert rows(store) == 1
    assert path.read_text() == text
    assert not list(path.parent.glob("metrics.json.rejected-*"))
    store.update({"a": add})
    assert on_disk(path.parent) == {"a": 8}


def test_a_record_that_json_cannot_hold_is_a_bad_one(path: Path) -> None:
    """Python reads NaN, but no other program does."""
    path.write_text('{"good": {"rows_collected": 1}, "bad": {"of_a_newer_version": NaN}}')
    store = MetricsStore(path.parent)
    assert set(store.snapshot()) == {"good"}
    store.update({"good": add})
    json.loads(path.read_bytes(), parse_constant=pytest.fail)


def test_records_nobody_touched_are_written_back_as_they_were(path: Path) -> None:
    """Of a newer version, of dccd 2.x, with keys of any kind."""
    untouched = {
        "newer/X": {"rows_collected": 1, "surprise": {"deep": [1, None]}},
        "two/X": {**FOUR, "errors_count": 2},
        'odd "key"\n\ud800 é': FOUR,
    }
    path.write_text(json.dumps(untouched))
    MetricsStore(path.parent).update({"a": add, "newer/X": add})
    body = json.loads(path.read_bytes())
    assert body.pop("a") == {**FOUR, "rows_collected": 1}
    assert body.pop("newer/X") == {**FOUR, "rows_collected": 2, "surprise": {"deep": [1, None]}}
    assert body == {key: value for key, value in untouched.items() if key != "newer/X"}


def test_a_file_that_was_removed_is_written_again(path: Path) -> None:
    """With all that the store knows."""
    store = MetricsStore(path.parent)
    store.update({"a": add, "b": add})
    path.unlink()
    assert rows(store) == 1
    store.update({"a": add})
    assert on_disk(path.parent) == {"a": 2, "b": 1}


def test_what_killed_writers_left_is_cleared_by_the_next(path: Path) -> None:
    """With the lock held, so that it belongs to nobody at work; other files are left."""
    strays = [
        path.with_name(f".{METRICS_FILE}{rest}.tmp") for rest in (".1-2", ".99-a", ".rejected-19700101T000000Z.1-2")
    ]
    others = [path.with_name(name) for name in (f".{METRICS_FILE}.swp", ".alerts.json.1-2.tmp", f"{METRICS_FILE}.tmp")]
    for file in strays + others:
        file.write_text("half")
    MetricsStore(path.parent)
    assert not any(file.exists() for file in strays)
    assert all(file.exists() for file in others)


def test_what_a_writer_at_work_has_begun_is_not_cleared(path: Path) -> None:
    """A store that is opened meanwhile waits for the lock, or does without."""
    begun = path.with_name(f".{METRICS_FILE}.1-2.tmp")
    with file_lock(path.with_name(f"{METRICS_FILE}.lock"), timeout=0):
        begun.write_text("half")
        store = MetricsStore(path.parent)
        assert begun.exists()
        assert "another process" in (fault_of(store) or "\n no fault")
    store.update({"a": add})
    assert fault_of(store) is None


@pytest.mark.parametrize("kind", ["to a file", "to nothing", "to a link", "of a directory"])
def test_links_stay_and_what_they_point_to_is_written(path: Path, tmp_path: Path, kind: str) -> None:
    """Whatever was there before."""
    elsewhere = tmp_path / "else where" / "é.json"
    elsewhere.parent.mkdir()
    directory = path.parent
    if kind == "to a file":
        elsewhere.write_text("{}")
        path.symlink_to(elsewhere)
    elif kind == "to nothing":
        path.symlink_to(elsewhere)
    elif kind == "to a link":
        (tmp_path / "between").symlink_to(elsewhere)
        path.symlink_to(tmp_path / "between")
    else:
        directory = tmp_path / "link" / STATE_DIRECTORY
        (tmp_path / "link").symlink_to(path.parent.parent)
        elsewhere = path
    links = [file for file in tmp_path.rglob("*") if file.is_symlink()]
    store = MetricsStore(directory)
    for _ in range(2):
        store.update({"a": add})
    assert fault_of(store) is None
    assert set(json.loads(elsewhere.read_bytes())) == {"a"}
    assert [file for file in tmp_path.rglob("*") if file.is_symlink()] == links
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_neither_waited_for_nor_replaced(path: Path, linked: bool) -> None:
    """A pipe would be read for ever, and behind a link may be a device."""
    pipe = path.with_name("pipe") if linked else path
    os.mkfifo(pipe)
    if linked:
        path.symlink_to(pipe)
    with pytest.raises(StorageError, match=r"metrics\.json cannot be used: something else has its name"):
        MetricsStore(path.parent)
    with pytest.raises(StorageError, match="something else has its name"):
        read_records(path.parent.parent)
    path.unlink()
    store = MetricsStore(path.parent)
    path.symlink_to(pipe) if linked else os.mkfifo(path)
    store.update({"a": add})
    assert "something else" in (fault_of(store) or "\n no fault")
    assert rows(store) == 1
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_damaged_file_behind_a_link_is_set_aside_where_it_is(path: Path, tmp_path: Path) -> None:
    """The link stays a link, and what was damaged stays on its disk."""
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("damage")
    path.symlink_to(elsewhere)
    store = MetricsStore(path.parent, clock=ManualClock(0))
    store.update({"a": add})
    assert path.is_symlink()
    assert set(json.loads(elsewhere.read_bytes())) == {"a"}
    assert elsewhere.with_name("elsewhere.json.corrupt-19700101T000000Z").read_text() == "damage"


def test_of_two_records_with_one_key_the_later_counts_and_the_earlier_is_kept(path: Path) -> None:
    """As every reader of JSON has it."""
    path.write_text('{"a": {"rows_collected": 1}, "b": {}, "a": {"rows_collected": 5}}')
    store = MetricsStore(path.parent)
    assert rows(store) == 5
    (aside,) = path.parent.glob("metrics.json.rejected-*")
    assert json.loads(aside.read_bytes()) == {"a": {"rows_collected": 1}}


def test_a_number_of_thousands_of_digits_spoils_one_record(path: Path) -> None:
    """Python does not read it; the others go on, and it is kept as it was."""
    digits = "9" * 5000
    path.write_text(f'{{"bad": {{"runs": {digits}}}, "odd": {{"x": [{digits}]}}, "good": {{"rows_collected": 7}}}}')
    store = MetricsStore(path.parent)
    store.update({"good": add})
    assert on_disk(path.parent) == {"good": 8}
    (aside,) = path.parent.glob("metrics.json.rejected-*")
    assert aside.read_text().count(digits) == 2


def test_a_file_of_another_program_is_read_in_any_form(path: Path) -> None:
    """Indented, on one line, with a byte order mark or in UTF-16; dccd writes it as it does."""
    records = {f"job {number}": {**FOUR, "rows_collected": number} for number in range(300)}
    for data in (
        json.dumps(records, indent=2).encode(),
        json.dumps(records, separators=(",", ":")).encode("utf-8-sig"),
        json.dumps({**records, "é": FOUR}, ensure_ascii=False).encode("utf-16"),
        b" \n\t" + json.dumps(records).encode() + b"\r\n ",
    ):
        path.write_bytes(data)
        store = MetricsStore(path.parent)
        store.update({"job 7": add})
        there = on_disk(path.parent)
        assert there.pop("é", 0) == 0
        assert there == {f"job {number}": number + (number == 7) for number in range(300)}
        assert not list(path.parent.glob("metrics.json.*-*"))


def test_what_another_process_left_alone_is_not_read_again(directory: Path) -> None:
    """Two busy processes with thousands of jobs would do little else."""
    first, second = MetricsStore(directory), MetricsStore(directory)
    first.update({f"job {number}": add for number in range(500)})
    before = second.snapshot()
    first.update({"job 7": add})
    after = second.snapshot()
    assert [key for key in before if after[key] is not before[key]] == ["job 7"]
