"""The demo, on loopback: an exchange with made-up candles, a webhook, a job that fails and recovers."""

import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from dccd.candles import check_exchange
from dccd.cli.board import status_table
from dccd.cli.render import results_table
from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.scheduler import run_once
from dccd.daemon.status import read_overview
from dccd.testing import LoopbackExchange, WebhookReceiver

_SICK = "ETH/USDT"
_WIDTH = 80
_REFUSAL = {"code": -1121, "msg": "Invalid symbol."}


def play(say: Callable[[str], None]) -> None:
    """Run the demo and print what happens; without ccxt, `MissingExtraError` names the extra."""
    check_exchange("binance")
    path = Path(tempfile.mkdtemp(prefix="dccd-demo-"))
    with LoopbackExchange() as exchange, WebhookReceiver() as webhook:
        config = CollectorConfig(
            storage=StorageConfig(local_path=path),
            alerts=AlertConfig(webhook_url=webhook.url, max_consecutive_errors=3, source="demo"),
            histo_jobs=(
                HistoJob(exchange="binance", pairs=("BTC/USDT", _SICK), timeframe="1m", base_url=exchange.url),
                HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe="1h", base_url=exchange.url),
            ),
        )
        say("Three series from two exchanges on 127.0.0.1, through ccxt, into Parquet:\n")
        with HealthMonitor.from_config(config) as health:
            say(results_table(run_once(config, health)))
            _break_and_heal(config, health, exchange, webhook, say)
        say("\nThe health of the jobs, as `dccd status` shows it:\n")
        now = time.time()
        say(status_table(read_overview(config, now).jobs, now, 100))
    say(f"\nWhat is on the disk, in {path}:\n")
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.name.endswith(".lock"):
            say(f"  {file.stat().st_size:>6,} bytes  {file.relative_to(path)}")


def _break_and_heal(
    config: CollectorConfig,
    health: HealthMonitor,
    exchange: LoopbackExchange,
    webhook: WebhookReceiver,
    say: Callable[[str], None],
) -> None:
    say(f"\nNow the exchange refuses {_SICK}; the third failure in a row is an alert:\n")
    exchange.fail(_SICK, status=400, body=_REFUSAL)
    for attempt in (1, 2, 3):
        failed = [result for result in run_once(config, health) if not result.ok]
        say(_wrapped("; ".join(str(result.error) for result in failed), f"  run {attempt}: "))
    health.flush()
    _show(webhook, say)
    say("\nIt answers again; the next success ends the incident:\n")
    exchange.heal(_SICK)
    webhook.clear()
    run_once(config, health)
    health.flush()
    _show(webhook, say)


def _show(webhook: WebhookReceiver, say: Callable[[str], None]) -> None:
    for message in webhook.messages:
        say("  the webhook received:")
        for line in message.json["text"].splitlines():
            say(_wrapped(line, "    "))


def _wrapped(text: str, begin: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin) + "  ", break_long_words=False
    )
