"""The picture that an operator sees, as data."""

import json
from dataclasses import fields, replace
from typing import get_args

from dccd.daemon.records.model import Incident, JobRecord
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import PRESENT, STATES, DaemonState, DaemonView, JobState, JobView, Overview, to_json

NOW = 1_700_000_000.0


def picture() -> Overview:
    """Return an overview of a job in trouble."""
    record = JobRecord(incidents=(Incident("i", "failing", NOW - 60, 3, notices=1),))
    return see(Configured("/data", {}, ()), {"x/A": record}, AlertState(), None, NOW)


def test_json_has_the_names_of_the_fields() -> None:
    """So that a field cannot be lost on the way."""
    plain = to_json(picture())
    assert list(plain) == [field.name for field in fields(Overview)]
    assert list(plain["jobs"][0]) == [field.name for field in fields(JobView)]
    assert plain["jobs"][0]["incidents"][0] == {"kind": "failing", "since": NOW - 60, "failures": 3, "notices": 1}


def test_an_overview_is_plain_json() -> None:
    """A value that nobody knows is null, and what comes back is the same."""
    daemon = DaemonView("running", 42, destinations=("https://example.com/***",))
    text = json.dumps(to_json(replace(picture(), daemon=daemon)))
    assert json.loads(text)["daemon"]["destinations"] == ["https://example.com/***"]
    assert json.loads(text)["jobs"][0]["last_run_at"] is None


def test_every_state_of_a_job_has_a_rank() -> None:
    """Jobs are sorted by it, and one without would be an error at the wrong time."""
    assert get_args(JobState) == STATES
    assert set(get_args(DaemonState)) - PRESENT == {"starting", "stopped", "died", "unseen"}
