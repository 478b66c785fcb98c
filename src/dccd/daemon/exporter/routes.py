"""The answer to each path."""

import json
from typing import TYPE_CHECKING

from dccd.daemon.exporter.page import CONTENT_SECURITY_POLICY, page
from dccd.daemon.exporter.prometheus import MEDIA_TYPE, exposition
from dccd.daemon.exporter.server import Reply
from dccd.daemon.status import fault, to_json
from dccd.errors import DccdError
from dccd.printable import printable
from dccd.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dccd.candles import Span
    from dccd.daemon.status import Overview


class Routes:
    """Answers for the paths of the exporter; `spans` is None where pyarrow is missing."""

    def __init__(self, read: "Callable[[], Overview]", spans: "Callable[[], Sequence[Span]] | None") -> None:
        self._read = read
        self._spans = spans
        self._paths: dict[str, Callable[[Overview], Reply]] = {
            "/": self._page,
            "/healthz": lambda overview: _verdict(fault(overview)),
            "/metrics": lambda overview: Reply(exposition(overview), media_type=MEDIA_TYPE),
            "/readyz": lambda overview: _verdict(fault(overview, persistence=True)),
            "/status.json": lambda overview: Reply(json.dumps(to_json(overview)), media_type="application/json"),
        }

    def __call__(self, path: str) -> Reply | None:
        """Return the answer to a path, or None where there is none; it has status 503 if the status cannot be read."""
        make = self._paths.get(path)
        if make is None:
            return None
        try:
            return make(self._read())
        except DccdError as error:
            return Reply(f"{printable(redact(str(error)))}\n", 503)

    def _page(self, overview: "Overview") -> Reply:
        spans = None if self._spans is None else self._spans()
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return Reply(page(overview, spans), media_type="text/html; charset=utf-8", headers=headers)


def _verdict(wrong: str | None) -> Reply:
    return Reply("ok\n") if wrong is None else Reply(f"{printable(wrong)}\n", 503)
