"""Open the exporter of a daemon, or write its metrics to a file."""

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dccd.daemon.exporter.addresses import is_loopback, split_address
from dccd.daemon.exporter.prometheus import NO_METRICS
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.exporter.server import Server
from dccd.disk import files
from dccd.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dccd.candles import Span
    from dccd.daemon.config import CollectorConfig
    from dccd.daemon.status import Overview

logger: logging.Logger = logging.getLogger(__name__)

Exporter = Server


def open_exporter(config: "CollectorConfig", read: "Callable[[], Overview]") -> Server | None:
    """Serve metrics and the status page at ``server.listen``; `read` runs in the threads of the server.

    None means that no address is set or that it cannot be used, which an ERROR reports: the daemon collects without.
    """
    listen = config.server.listen
    if listen is None:
        return None
    try:
        server = Server(listen, Routes(read, _spans_of(config.storage.local_path)))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        logger.error(  # noqa: TRY400 - the line says it all
            "server.listen: %s cannot be used (%s): metrics and the status page are off; "
            "set another address, or free it and start again",
            listen,
            reason,
        )
        return None
    if find_spec("prometheus_client") is None:
        logger.info("the status page: %s; %s", server.address, NO_METRICS)
    else:
        logger.info("metrics and the status page: %s", server.address)
    if not is_loopback(split_address(listen)[0]):
        logger.warning("%s asks for no password: anyone who reaches it sees what is collected", listen)
    return server


def write_textfile(path: Path, data: bytes) -> None:
    """Replace a file for the textfile collector of node_exporter, which everyone may read."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)
        temporary.chmod(0o644)  # whatever the umask, as a unit of systemd or cron may set one

    try:
        files.replace_with(path, write, fsync=False)
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise StorageError(msg) from None


def _spans_of(local_path: Path) -> "Callable[[], Sequence[Span]] | None":
    from dccd.candles import Coverage  # noqa: PLC0415 - pyarrow is an extra, and heavy

    try:
        return Coverage(local_path).spans
    except MissingExtraError:
        return None
