"""The commands of ``dccd`` and their options."""

import logging
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import dccd

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

app: typer.Typer = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
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
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version and its location."),
    ] = False,
) -> None:
    """Collect candles and watch over the jobs that do it."""
    del version


@app.command()
def run(config: ConfigOption = None) -> None:
    """Bring all series up to date, once; exit 1 if a job fails."""
    from dccd.cli.process import stopped_by_signals  # noqa: PLC0415 - each command loads what it needs
    from dccd.cli.progress import progress_bars  # noqa: PLC0415
    from dccd.cli.render import results_table  # noqa: PLC0415
    from dccd.cli.setup import configure_logging, settings_with_jobs  # noqa: PLC0415
    from dccd.daemon.health import HealthMonitor  # noqa: PLC0415
    from dccd.daemon.scheduler import run_once  # noqa: PLC0415

    settings = settings_with_jobs(config)
    # A terminal shows the progress as bars, everything else as log lines.
    configure_logging(settings, sys.stderr, logging.ERROR if sys.stderr.isatty() else logging.INFO)
    with (
        stopped_by_signals(settings.alerts.shutdown_timeout) as stop,
        HealthMonitor.from_config(settings) as health,
        progress_bars(sys.stderr, settings) as progress,
    ):
        results = run_once(settings, health, stop=stop, progress=progress)
    typer.echo(results_table(results))
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


@app.command()
def start(
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until no other daemon uses the directory.")] = False,
    config: ConfigOption = None,
) -> None:
    """Keep all series up to date until SIGTERM or SIGINT. SIGHUP loads the configuration again."""
    from dccd.cli.process import run_daemon  # noqa: PLC0415
    from dccd.cli.setup import configure_logging, settings_with_jobs  # noqa: PLC0415

    def configure(settings: "CollectorConfig") -> None:
        configure_logging(settings, sys.stdout, logging.DEBUG)

    run_daemon(partial(settings_with_jobs, config), configure, wait=wait)


@app.command()
def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh until Ctrl-C.")] = False,
    interval: Annotated[str, typer.Option(metavar="TIME", help="Time between refreshes with --watch.")] = "2s",
    config: ConfigOption = None,
) -> None:
    """Show the health of all jobs and of the daemon. Changes no file."""
    from dccd.cli.status import show_status, watch_status  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    settings = load_config(config)
    if watch:
        watch_status(settings, sys.stdout, interval, as_json=as_json)
    else:
        show_status(settings, sys.stdout, as_json=as_json)


@app.command()
def healthcheck(
    *,
    max_age: Annotated[str, typer.Option(metavar="TIME", help="Fail if the last tick is older.")] = "2m",
    jobs: Annotated[bool, typer.Option("--jobs", help="Fail also while a job is alerted and not silenced.")] = False,
    config: ConfigOption = None,
) -> None:
    """Print one line; exit 0 if the daemon is healthy, else 1. For a container's health check."""
    from dccd.cli.probe import healthcheck as probe  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    well, line = probe(load_config(config), max_age, jobs=jobs)
    typer.echo(line)
    raise typer.Exit(0 if well else 1)


@app.command()
def metrics(
    textfile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File for node_exporter, replaced in one step.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print metrics for Prometheus, or write them to a file. Needs the extra metrics."""
    from dccd.cli.probe import metrics as collected  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415
    from dccd.daemon.exporter import write_textfile  # noqa: PLC0415

    data = collected(load_config(config))
    if textfile is None:
        typer.echo(data.decode(), nl=False)
    else:
        write_textfile(textfile, data)


@app.command()
def validate(config: ConfigOption = None) -> None:
    """Check the configuration. Prints each setting with its source; uses no network."""
    from dccd.cli.settings import show_settings  # noqa: PLC0415
    from dccd.cli.setup import require_jobs, require_store  # noqa: PLC0415
    from dccd.daemon.config import trace_config  # noqa: PLC0415
    from dccd.daemon.process import missing_extras  # noqa: PLC0415

    traced = trace_config(config)
    require_jobs(traced.config)
    require_store(traced.config)
    show_settings(traced, typer.echo)
    for line in missing_extras(traced.config):
        typer.echo(f"dccd: warning: {line}", err=True)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")] = Path("dccd.toml"),
) -> None:
    """Write a starter configuration that explains every setting. Never replaces a file."""
    from dccd.cli.settings import initialise  # noqa: PLC0415

    typer.echo(initialise(path))


@app.command()
def env() -> None:
    """Print every environment variable: type, default, meaning."""
    from dccd.cli.settings import environment  # noqa: PLC0415

    typer.echo(environment())


@app.command()
def schema() -> None:
    """Print the JSON Schema of dccd.toml, for editors.

    Save it as dccd.schema.json beside dccd.toml, whose first line should be "#:schema ./dccd.schema.json".
    """
    from dccd.daemon.config import json_schema  # noqa: PLC0415

    typer.echo(json_schema(), nl=False)


@app.command()
def migrate(
    source: Annotated[Path, typer.Argument(metavar="CONFIG_YML", help="Configuration of dccd 2.x.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")] = Path("dccd.toml"),
) -> None:
    """Convert a configuration of dccd 2.x. Needs the extra migrate; run it where 2.x was started."""
    from dccd.cli.settings import migrate_file  # noqa: PLC0415

    for line in migrate_file(source, output):
        typer.echo(line)


@app.command()
def gaps(  # noqa: PLR0913 - options
    *,
    exchange: Annotated[str | None, typer.Option(help="Only series of this exchange.")] = None,
    pair: Annotated[str | None, typer.Option(help="Only series of this pair.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Only series of this timeframe.")] = None,
    fill: Annotated[bool, typer.Option("--fill", help="First request the missing candles again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    config: ConfigOption = None,
) -> None:
    """List candles missing between those stored. Exit 1 if a file is damaged or, with --fill, an exchange fails."""
    from dccd.cli.candles import Wanted, show_gaps  # noqa: PLC0415
    from dccd.cli.setup import configure_logging  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    settings, wanted = load_config(config), Wanted(exchange, pair, timeframe)
    configure_logging(settings, sys.stderr, logging.ERROR)
    warn = partial(typer.echo, err=True)
    well = show_gaps(settings, wanted, say=typer.echo, warn=warn, fill=fill, as_json=as_json)
    raise typer.Exit(0 if well else 1)


@app.command()
def export(  # noqa: PLR0913 - options
    *,
    exchange: Annotated[str, typer.Option(help="Exchange, as the configuration names it.")],
    pair: Annotated[str, typer.Option(help="BASE/QUOTE.")],
    timeframe: Annotated[str, typer.Option(help="1m, 1h, 1d.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write, .csv or .parquet.")],
    start: Annotated[str | None, typer.Option(metavar="TIME", help="First open time, in UTC.")] = None,
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Stop before this open time, in UTC.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    config: ConfigOption = None,
) -> None:
    """Write the candles of one series to a CSV or Parquet file."""
    from dccd.cli.candles import export_series  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    wanted, settings = (exchange, pair, timeframe), load_config(config)
    typer.echo(export_series(settings, wanted, output, start=start, end=end, force=force))


@app.command("test-alert")
def send_test_alert(config: ConfigOption = None) -> None:
    """Send a test notice to every destination. Print each answer; exit 1 if one fails."""
    from dccd.cli.alerts import send_tests  # noqa: PLC0415
    from dccd.daemon.config import load_config  # noqa: PLC0415

    raise typer.Exit(0 if send_tests(load_config(config), typer.echo) else 1)


@app.command()
def silence(
    key: Annotated[str, typer.Argument(help="Job, as status names it.")],
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")],
    reason: Annotated[str, typer.Option(help="Reason, which status shows.")] = "",
    config: ConfigOption = None,
) -> None:
    """Send no alerts about a job for a while. Its failures are still counted."""
    from dccd.cli.alerts import set_silence  # noqa: PLC0415
    from dccd.cli.setup import data_path  # noqa: PLC0415

    typer.echo(set_silence(data_path(config), key, for_, reason))


@app.command()
def silences(config: ConfigOption = None) -> None:
    """List the jobs that are silenced."""
    from dccd.cli.alerts import list_silences  # noqa: PLC0415
    from dccd.cli.setup import data_path  # noqa: PLC0415

    typer.echo(list_silences(data_path(config)))


@app.command()
def unsilence(
    key: Annotated[str, typer.Argument(help="Job, as silences names it.")], config: ConfigOption = None
) -> None:
    """End a silence."""
    from dccd.cli.alerts import end_silence  # noqa: PLC0415
    from dccd.cli.setup import data_path  # noqa: PLC0415

    typer.echo(end_silence(data_path(config), key))


@app.command()
def forget(key: Annotated[str, typer.Argument(help="Job, as status names it.")], config: ConfigOption = None) -> None:
    """Delete the record of a job. Deletes its metrics, incidents and notices; keeps its candles."""
    from dccd.cli.alerts import drop_record  # noqa: PLC0415
    from dccd.cli.setup import data_path  # noqa: PLC0415

    typer.echo(drop_record(data_path(config), key))


@app.command()
def demo() -> None:
    """Show dccd at work on made-up data. Needs no network and no configuration."""
    from dccd.cli.demo import play  # noqa: PLC0415
    from dccd.daemon import logs  # noqa: PLC0415

    # The demo prints the failures itself.
    logging.getLogger().addHandler(logs.console(sys.stderr, level=logging.ERROR))
    play(typer.echo)
