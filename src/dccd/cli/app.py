"""The commands of ``dccd`` and their options."""

import logging
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import dccd
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Collect candles and watch over the jobs that do it.",
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="TOML file; default DCCD_CONFIG, ./dccd.toml, then the user's and the site's.",
    ),
]


def _version(value: bool) -> None:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"dccd {dccd.__version__} ({Path(dccd.__file__).parent})")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print version and place, and exit.")
    ] = False,
) -> None:
    """Collect candles and watch over the jobs that do it."""
    del version


@app.command()
def run(config: ConfigOption = None) -> None:
    """Bring all series up to date, once; exit 1 if a job failed."""
    from dccd.cli.process import stopped_by_signals  # noqa: PLC0415 - each command loads what it needs
    from dccd.cli.render import results_table, show_progress  # noqa: PLC0415
    from dccd.daemon.health import HealthMonitor  # noqa: PLC0415
    from dccd.daemon.scheduler import run_once  # noqa: PLC0415

    settings = _jobs(config)
    _configure_logging(settings, sys.stderr, logging.ERROR)
    with HealthMonitor.from_config(settings) as health, stopped_by_signals() as stop:
        progress = show_progress(sys.stderr)
        results = run_once(settings, health, stop=stop, progress=progress)
    if progress is not None:
        sys.stderr.write("\r\x1b[K")
    typer.echo(results_table(results))
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


@app.command()
def start(config: ConfigOption = None) -> None:
    """Keep all series up to date until stopped by SIGTERM or SIGINT."""
    from dccd.cli.process import serve  # noqa: PLC0415

    settings = _jobs(config)
    _configure_logging(settings, sys.stdout, logging.DEBUG)
    serve(settings)


@app.command()
def status(config: ConfigOption = None) -> None:
    """Show the health of all jobs; opens nothing for writing."""
    from dccd.cli.alerts import gone_destinations, silent_keys  # noqa: PLC0415
    from dccd.cli.render import alerts_line, status_table  # noqa: PLC0415
    from dccd.clock import SYSTEM_CLOCK  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415
    from dccd.daemon.store import read_records  # noqa: PLC0415

    settings = load_config(config)
    path = settings.storage.local_path
    records = read_records(path)
    configured = [key for key, _, _ in settings.jobs_by_key()]
    now = SYSTEM_CLOCK.time()
    silent = silent_keys(path, now)
    typer.echo(status_table(records, configured, now, shutil.get_terminal_size().columns, silent))
    typer.echo(f"data: {path}   {alerts_line(settings.alerts, gone_destinations(path))}")


@app.command()
def validate(config: ConfigOption = None) -> None:
    """Check the configuration and that each exchange is known; asks no network."""
    from dccd.candles import check_exchange  # noqa: PLC0415
    from dccd.cli.render import alerts_line  # noqa: PLC0415
    from dccd.errors import ConfigError, UnknownSourceError  # noqa: PLC0415

    settings = _jobs(config)
    problems = []
    for name in dict.fromkeys(job.exchange for job in settings.histo_jobs):
        try:
            check_exchange(name)
        except UnknownSourceError as error:
            problems.append(f"histo_jobs: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    for key, job, _ in settings.jobs_by_key():
        typer.echo(f"{key}  every {format_duration(job.seconds)}")
    typer.echo(f"data: {settings.storage.local_path}   {alerts_line(settings.alerts)}")


@app.command("test-alert")
def send_test_alert(config: ConfigOption = None) -> None:
    """Send a test notice to every destination and print what each answers; exit 1 if one failed."""
    from dccd.cli.alerts import send_tests  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    raise typer.Exit(0 if send_tests(load_config(config), typer.echo) else 1)


@app.command()
def silence(
    key: Annotated[str, typer.Argument(help="Job, as status names it.")],
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")],
    reason: Annotated[str, typer.Option(help="Why, for those who look.")] = "",
    config: ConfigOption = None,
) -> None:
    """Send nothing about a job for a while; it keeps counting."""
    from dccd.cli.alerts import set_silence  # noqa: PLC0415

    typer.echo(set_silence(_path(config), key, for_, reason))


@app.command()
def silences(config: ConfigOption = None) -> None:
    """List the jobs that are silenced."""
    from dccd.cli.alerts import list_silences  # noqa: PLC0415

    typer.echo(list_silences(_path(config)))


@app.command()
def unsilence(
    key: Annotated[str, typer.Argument(help="Job, as silences names it.")], config: ConfigOption = None
) -> None:
    """End a silence."""
    from dccd.cli.alerts import end_silence  # noqa: PLC0415

    typer.echo(end_silence(_path(config), key))


@app.command()
def forget(key: Annotated[str, typer.Argument(help="Job, as status names it.")], config: ConfigOption = None) -> None:
    """Drop the record of a job: its metrics, incidents and notices; candles stay."""
    from dccd.cli.alerts import drop_record  # noqa: PLC0415

    typer.echo(drop_record(_path(config), key))


@app.command()
def demo() -> None:
    """Show everything at work on made-up data; needs no network and no configuration."""
    from dccd.cli.demo import play  # noqa: PLC0415
    from dccd.daemon import logs  # noqa: PLC0415

    # The story tells of the failures itself.
    logging.getLogger().addHandler(logs.console(sys.stderr, level=logging.ERROR))
    play(typer.echo)


def _path(config: Path | None) -> Path:
    from dccd.daemon.config import load_config  # noqa: PLC0415

    return load_config(config).storage.local_path


def _jobs(path: Path | None) -> "CollectorConfig":
    """Return the configuration; one without jobs is an error."""
    from dccd.daemon.config import load_config  # noqa: PLC0415
    from dccd.errors import ConfigError  # noqa: PLC0415

    settings = load_config(path)
    if not settings.histo_jobs:
        msg = (
            "no jobs are configured: add [[histo_jobs]] to a dccd.toml, "
            'or set DCCD_HISTO_JOBS=\'[{"exchange": "kraken", "pairs": ["BTC/USD"]}]\''
        )
        raise ConfigError(msg)
    return settings


def _configure_logging(settings: "CollectorConfig", stream: object, level: int) -> None:
    from dccd.daemon import logs  # noqa: PLC0415

    root = logging.getLogger()
    logging.getLogger("dccd").setLevel(settings.log.level)
    form = settings.log.console
    if form == "off":
        root.addHandler(logging.NullHandler())
    else:
        root.addHandler(logs.console(stream, "json" if form == "json" else "text", level))  # type: ignore[arg-type]
