"""What is known of a job, as frozen data.

`JobMetrics` is what callers see. `JobRecord` is all that is kept: the metrics, the incidents that are open and the
notices that are owed, so that one commit covers them together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from dccd._compat import override
from dccd.units import parse_timeframe

Event = Literal["firing", "repeat", "resolved"]
"""What this version tells of an incident; a newer one may have left another word in a notice."""


class Kind(StrEnum):
    """Kinds of trouble that this version finds; a record may hold others, of a newer one."""

    FAILING = "failing"
    """Runs fail in a row."""
    STALE = "stale"
    """A run did not come."""
    OVERRUN = "overrun"
    """A run does not end."""
    OLD_DATA = "old data"
    """Runs succeed and bring nothing new."""


@dataclass(frozen=True, slots=True)
class JobKey:
    """What the key of a record names; a timeframe is in it only where a pair has more than one job.

    Examples
    --------
    >>> str(JobKey("binance", "BTC/USDT")), str(JobKey("binance", "BTC/USDT", "1m"))
    ('binance/BTC/USDT', 'binance/BTC/USDT@1m')
    >>> JobKey.parse("binance/BTC/USDT:USDT@1m")
    JobKey(exchange='binance', pair='BTC/USDT:USDT', timeframe='1m')
    """

    exchange: str
    pair: str
    timeframe: str | None = None

    @override
    def __str__(self) -> str:
        plain = f"{self.exchange}/{self.pair}"
        return f"{plain}@{self.timeframe}" if self.timeframe else plain

    @classmethod
    def parse(cls, key: str) -> "JobKey":
        """Return what a key names; what follows its last ``@`` belongs to the pair unless it is a timeframe."""
        exchange, _, rest = key.partition("/")
        pair, at, timeframe = rest.rpartition("@")
        if not at:
            return cls(exchange, rest)
        try:
            parse_timeframe(timeframe)
        except ValueError:
            return cls(exchange, rest)
        return cls(exchange, pair, timeframe)


@dataclass(frozen=True, slots=True)
class JobMetrics:
    """Metrics of one job; times are Unix seconds.

    Parameters
    ----------
    last_run_at : float or None, optional
        When the job last ended, well or not.
    last_success_at : float or None, optional
        When it last ended well.
    rows_collected : int, optional
        Rows of all its successful runs.
    errors_count : int, optional
        Failures in a row; a success makes it 0.
    last_error : str or None, optional
        The last failure as ``Type: message``, redacted and cut; kept after a success.
    last_duration : float or None, optional
        Seconds the last timed run took.
    runs : int, optional
        Runs recorded.
    failures : int, optional
        Failed runs recorded.
    failing_since : float or None, optional
        When the present streak of failures began; None while there is none.
    newest_at : float or None, optional
        Up to when the job has data, if it says so: for candles, the close of the newest.
    rows_missing : int, optional
        Rows that the last successful run should have found and did not, if it says so: for candles, gaps in what it
        fetched.

    Examples
    --------
    >>> from dccd.daemon.health import JobMetrics
    >>> JobMetrics(rows_collected=215).rows_collected
    215
    """

    last_run_at: float | None = None
    last_success_at: float | None = None
    rows_collected: int = 0
    errors_count: int = 0
    last_error: str | None = None
    last_duration: float | None = None
    runs: int = 0
    failures: int = 0
    failing_since: float | None = None
    newest_at: float | None = None
    rows_missing: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    rows : int, optional
        Rows that are new.
    error : str or None, optional
        One line, ``Type: message``, without secrets.
    duration : float or None, optional
        Seconds; None where nobody timed the run.
    max_consecutive_errors : int or None, optional
        The job's own threshold; None for the general one.
    newest_at : float or None, optional
        Up to when the job has data, Unix seconds.
    rows_missing : int, optional
        Rows that the run should have found and did not.
    timeframe : str or None, optional
        The timeframe for which the plain key of its pair is reserved; None for a key that nothing reserves.
    """

    ok: bool
    rows: int = 0
    error: str | None = None
    duration: float | None = None
    max_consecutive_errors: int | None = None
    newest_at: float | None = None
    rows_missing: int = 0
    timeframe: str | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often a job should run, and how old its data may be.

    Parameters
    ----------
    every, grace : float
        Seconds between two runs, and seconds that one may be late.
    since : float
        When this was first expected, Unix seconds, which counts while the job has never run.
    max_age : float or None, optional
        Seconds after which the newest data are old; None for never.
    scheduled : bool, optional
        Whether the scheduler expects it, so that it ends when the job leaves the configuration.
    set_back_at : float or None, optional
        When a look first found a time of the job in the future, as the clock was set back; that counts in its place.
    extra : mapping, optional
        Fields of a newer dccd, written back as they are.
    """

    every: float
    grace: float
    since: float
    max_age: float | None = None
    scheduled: bool = False
    set_back_at: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Incident:
    """Trouble of one kind that is going on.

    Parameters
    ----------
    id : str
        Unique within the job.
    kind : str
        One of `Kind`, or what a newer version found.
    since : float
        When the trouble began, such as the first failure of the streak, Unix seconds.
    failures, successes : int, optional
        Failures since then, and successes in a row since the last failure.
    notices : int, optional
        Notices owed so far; 0 while nobody was told because there was no destination.
    noticed_at : float or None, optional
        When the last of them became owed, Unix seconds.
    extra : mapping, optional
        Fields of a newer dccd, written back as they are.
    """

    id: str
    kind: str
    since: float
    failures: int = 0
    successes: int = 0
    notices: int = 0
    noticed_at: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the destinations have to be told.

    Parameters
    ----------
    incident : str
        Its id.
    number : int
        Its place among the notices of the incident, from 1.
    event : str
        One of `Event`, or a word of a newer version.
    at : float
        When it became owed, Unix seconds.
    since : float
        When the trouble began, Unix seconds.
    last_success_at : float or None, optional
        The last success before the trouble, Unix seconds.
    newest_at : float or None, optional
        Up to when the job had data, Unix seconds.
    rows_missing : int, optional
        Rows that are missing although the job works again.
    removed : bool, optional
        Whether the incident ended because the job left the configuration.
    messages : mapping of str to str, optional
        Message id by destination, written before the first try, so that a repeated message has the same id.
    told : tuple of str, optional
        Destinations that took it.
    tries : mapping of str to int, optional
        Rounds of delivery that failed, by destination.
    next_try_at : mapping of str to float, optional
        When each destination may be tried again, Unix seconds.
    extra : mapping, optional
        Fields of a newer dccd, written back as they are.
    """

    incident: str
    number: int
    event: str
    at: float
    kind: str
    since: float
    failures: int = 0
    error: str | None = None
    last_success_at: float | None = None
    newest_at: float | None = None
    rows_missing: int = 0
    removed: bool = False
    messages: Mapping[str, str] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    tries: Mapping[str, int] = field(default_factory=dict)
    next_try_at: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Unique within the job."""
        return f"{self.incident}.{self.number}"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """All that is kept of a job.

    Parameters
    ----------
    incidents : tuple of Incident, optional
        Those that are open, at most one of a kind.
    owed : tuple of Notice, optional
        Notices that some destination was not told yet, oldest first.
    expected : Expectation or None, optional
        None where nobody said how often it should run.
    timeframe : str or None, optional
        The timeframe for which a plain key is reserved; None in a record of 0.1.0 and of a job that has none.
    extra : mapping, optional
        Fields of a newer dccd and what it alone understands, written back as they are.
    """

    metrics: JobMetrics = field(default_factory=JobMetrics)
    incidents: tuple[Incident, ...] = ()
    owed: tuple[Notice, ...] = ()
    expected: Expectation | None = None
    timeframe: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_only_reserved(self) -> bool:
        """Whether it says nothing but for which timeframe its key is reserved."""
        return self.timeframe is not None and self == JobRecord(timeframe=self.timeframe)


Transition = Callable[[JobRecord], JobRecord | None]
"""A pure function from a job's record to the next one; None drops the job. It may run again after a reload."""


@dataclass(frozen=True, slots=True)
class Presence:
    """What a daemon says of itself; times are Unix seconds.

    Parameters
    ----------
    ticked_at : float
        When it last looked at its jobs.
    next_runs : mapping of str to float, optional
        When each job runs next, by key.
    persistence : str or None, optional
        Why records are kept in memory only; None while they reach the disk.
    destinations : tuple of str, optional
        Where alerts go, without secrets.
    address : str or None, optional
        Where it serves metrics and the status page.
    reloaded_at : float or None, optional
        When it last applied a changed configuration.
    alive : bool, optional
        Whether it holds the lock of the directory; never written to the file.
    """

    pid: int
    version: str
    started_at: float
    ticked_at: float
    state: Literal["running", "stopping", "stopped"]
    jobs: int = 0
    next_runs: Mapping[str, float] = field(default_factory=dict)
    persistence: str | None = None
    destinations: tuple[str, ...] = ()
    address: str | None = None
    reloaded_at: float | None = None
    alive: bool = False
