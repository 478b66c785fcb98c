"""The chart of the stored candles."""

from dccd.candles import Month, Series, Span
from dccd.daemon.exporter.chart import bars, chart

DAY = 86_400_000
DAILY = Series("kraken", "BTC/USD", "1d")


def test_months_that_follow_each_other_are_one_bar() -> None:
    """One with candles missing, or a hole between months, begins a new one."""
    months = (
        Month("1970-01", 31, 0, 30 * DAY),
        Month("1970-02", 28, 31 * DAY, 58 * DAY),
        Month("1970-03", 30, 59 * DAY, 89 * DAY),
        Month("1970-05", 31, 120 * DAY, 150 * DAY),
    )
    found = bars(Span(DAILY, months))
    assert [(bar.start // DAY, bar.end // DAY, bar.missing) for bar in found] == [
        (0, 59, 0),
        (59, 90, 1),
        (120, 151, 0),
    ]
    text = chart([Span(DAILY, months)], 151 * 86_400.0)
    assert "1 missing within months, 1 gap between months" in text
    assert text.count("<rect") == 3


def test_a_pair_with_markup_in_its_name_is_escaped_in_the_chart() -> None:
    """A source of one's own may name pairs as it likes."""
    span = Span(Series("mine", '<svg onload="x">/USD', "1d"), (Month("1970-01", 1, 0, 0),))
    assert "<svg onload" not in chart([span], 0.0)


def test_series_beyond_the_limit_are_counted() -> None:
    """A page of thousands of charts would be no page; the axis still covers the time from first to last."""
    spans = [Span(DAILY, (Month("1970-01", 1, 0, 0),))] * 302
    text = chart(spans, 4 * 86_400.0)
    assert text.count('class="series"') == 300
    assert "and 2 more series" in text
    assert [f"1970-01-0{day}" in text.partition('class="axis"')[2] for day in range(1, 7)] == [True] * 5 + [False]


def test_a_short_series_is_still_seen() -> None:
    """A day within years would be thinner than a pixel, and at the right end it must not leave the picture."""
    last = 9_999 * DAY
    months = (Month("1970-01", 1, 0, 0), Month("1997-05", 1, last, last))
    text = chart([Span(DAILY, months)], 0.0)
    assert 'x="0.00" y="0" width="2.00"' in text
    assert 'x="998.00" y="0" width="2.00"' in text
