"""What the figures were measured on."""

import os
import platform
import time
from pathlib import Path

__all__ = ["facts"]


def facts(place: Path) -> dict[str, str]:
    """Return date, machine, file system and load, nothing that tells whose machine it is.

    Parameters
    ----------
    place : Path
        Where the files are that are written.

    Returns
    -------
    dict of str to str
        Name and value.
    """
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "Date": time.strftime("%Y-%m-%d", time.gmtime()),
        "Machine": f"{os.cpu_count()} x {_processor()}, {platform.system()} {platform.release().partition('-')[0]}",
        "File system": _file_system(place),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Load when it began": load,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(place: Path) -> str:
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "unknown"
    below = [(len(point), kind) for _, point, kind, *_ in mounts if place.is_relative_to(point)]
    return max(below)[1] if below else "unknown"
