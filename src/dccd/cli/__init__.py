"""The command ``dccd``, which parses and prints; the packages below do the work."""

import io
import sys

from dccd.errors import AlreadyRunningError, ConfigError, DccdError
from dccd.printable import printable
from dccd.redact import redact

__all__ = ["main"]

EX_FAILED = 1
EX_BUSY = 75
EX_CONFIG = 78


def main() -> None:
    """Run the command with the arguments of the process, and exit.

    Exit codes: 0 success, 1 a failed job or an error, 2 wrong usage, 75 another daemon uses the directory, 78 a
    configuration that cannot be used, 130 interrupted.
    """
    from dccd.cli.app import app  # noqa: PLC0415 - typer, only for those who run the command

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than a name has
    try:
        app(prog_name="dccd")
    except ConfigError as error:
        sys.exit(_say(error, EX_CONFIG))
    except AlreadyRunningError as error:
        sys.exit(_say(error, EX_BUSY))
    except DccdError as error:
        sys.exit(_say(error, EX_FAILED))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(EX_FAILED)


def _say(error: DccdError, code: int) -> int:
    for line in str(error).splitlines():
        sys.stderr.write(f"dccd: {printable(redact(line))}\n")
    return code
