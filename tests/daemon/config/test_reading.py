"""Files that settings are read from."""

import os
from pathlib import Path

import pytest

from dccd.daemon.config import reading


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """Nobody writes to this pipe, so that reading it would never end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="pipe"):
        reading.read_text(pipe)


def test_a_device_without_end_is_refused() -> None:
    """It would fill the memory."""
    with pytest.raises(OSError, match="a device, not a file"):
        reading.read_text(Path("/dev/zero"))


def test_a_mark_of_byte_order_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Some editors begin a file with one."""
    path = tmp_path / "dccd.toml"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")
    assert reading.read_text(path) == "x = 1\n"
