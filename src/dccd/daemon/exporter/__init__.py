"""Serve over HTTP: metrics for Prometheus, probes, and a status page."""

from dccd.daemon.exporter.prometheus import exposition
from dccd.daemon.exporter.serving import Exporter, open_exporter, write_textfile

__all__ = ["Exporter", "exposition", "open_exporter", "write_textfile"]
