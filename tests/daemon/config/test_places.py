"""The lines of the keys of a TOML file."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.config.places import lines_of_keys

DOCUMENT = '''\
# a comment
title = "x"

[alerts]
source = """
[log]
level = "not here"
"""
"extra webhooks" = { a.b = 1, c = [2] }
[[histo_jobs]]
exchange = "kraken"
  [[histo_jobs.windows]]
  start = 1
  [histo_jobs.window]
  end = 2

[[ histo_jobs ]] # the second
pairs = [  # over many lines ]
  "BTC/USD",
  "ETH/USD" ]
[[histo_jobs.windows]]
[[histo_jobs.windows]]
start.at = 1
[tool.dccd.log]
level = "INFO"
'''


def test_each_key_is_told_with_the_line_it_begins_on() -> None:
    """Whatever its value goes over."""
    lines = lines_of_keys(DOCUMENT)
    assert lines == {
        ("title",): 2,
        ("alerts",): 4,
        ("alerts", "source"): 5,
        ("alerts", "extra webhooks"): 9,
        ("alerts", "extra webhooks", "a"): 9,
        ("alerts", "extra webhooks", "a", "b"): 9,
        ("alerts", "extra webhooks", "c"): 9,
        ("alerts", "extra webhooks", "c", 0): 9,
        ("histo_jobs",): 10,
        ("histo_jobs", 0): 10,
        ("histo_jobs", 0, "exchange"): 11,
        ("histo_jobs", 0, "windows"): 12,
        ("histo_jobs", 0, "windows", 0): 12,
        ("histo_jobs", 0, "windows", 0, "start"): 13,
        ("histo_jobs", 0, "window"): 14,
        ("histo_jobs", 0, "window", "end"): 15,
        ("histo_jobs", 1): 17,
        ("histo_jobs", 1, "pairs"): 18,
        ("histo_jobs", 1, "pairs", 0): 18,
        ("histo_jobs", 1, "pairs", 1): 18,
        ("histo_jobs", 1, "windows"): 21,
        ("histo_jobs", 1, "windows", 0): 21,
        ("histo_jobs", 1, "windows", 1): 22,
        ("histo_jobs", 1, "windows", 1, "start"): 23,
        ("histo_jobs", 1, "windows", 1, "start", "at"): 23,
        ("tool",): 24,
        ("tool", "dccd"): 24,
        ("tool", "dccd", "log"): 24,
        ("tool", "dccd", "log", "level"): 25,
    }


def test_lines_that_end_as_on_windows_are_lines() -> None:
    """The same places are told."""
    assert lines_of_keys(DOCUMENT.replace("\n", "\r\n")) == lines_of_keys(DOCUMENT)


def test_a_list_over_many_lines_is_tried_where_it_may_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at each of a thousand jobs, which would take minutes."""
    tries = []

    def counted(text: str) -> dict[str, Any]:
        tries.append(text)
        return parse(text)

    parse = tomllib.loads
    monkeypatch.setattr(tomllib, "loads", counted)
    jobs = "".join(f'  {{exchange = "e{number}", pairs = ["A/B"]}}, # one\n' for number in range(1000))
    lines = lines_of_keys(f"histo_jobs = [\n{jobs}] # of [all]\n[log]\n")
    assert lines["histo_jobs", 999, "pairs"] == 1
    assert lines["log",] == 1003
    assert len(tries) < 10


def all_paths(value: Any, above: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """Return the path of all there is in a document."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return {path for key, inner in items for path in ((*above, key), *all_paths(inner, (*above, key)))}


NAMES = st.lists(st.sampled_from(["a", "b", '"c d"', "'e.f'"]), min_size=1, max_size=3).map(".".join)
STATEMENTS = st.one_of(
    NAMES.map("[{}]".format),
    NAMES.map("[[{}]]".format),
    st.builds("{} = {}".format, NAMES, st.sampled_from(["1", "[1, [2]]", "{x = 1, y.z = 2}", '"[a]"', "1979-05-27"])),
    st.sampled_from(["", "# [a]"]),
)


@given(st.lists(STATEMENTS, max_size=12))
def test_a_key_is_where_it_first_appears_as_the_file_grows(statements: list[str]) -> None:
    """Reading the file line by line, which takes too long for a large one, says the same."""
    kept: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for statement in statements:
        try:
            document = tomllib.loads("\n".join([*kept, statement]))
        except tomllib.TOMLDecodeError:
            continue
        kept.append(statement)
        for path in all_paths(document):
            expected.setdefault(path, len(kept))
    assert lines_of_keys("\n".join(kept)) == expected
