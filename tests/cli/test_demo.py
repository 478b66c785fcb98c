"""The demo."""

from tests.cli.home import Home


def test_the_demo_needs_nothing_and_shows_everything(home: Home) -> None:
    """Candles, a failure, the alert and the recovery as received, the status, the files."""
    done = home.dccd("demo", env={"TMPDIR": str(home.path)})
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    for part in (
        "500",
        "[FIRING] binance/ETH/USDT",
        "[RESOLVED] binance/ETH/USDT",
        "STATE",
        "metrics.json",
        ".parquet",
    ):
        assert part in done.stdout
    for key in ("binance/BTC/USDT", "kraken/BTC/USD"):
        assert key in done.stdout
