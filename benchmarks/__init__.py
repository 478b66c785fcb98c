"""Measure dccd beside dccd 2.4.0 from the package index and beside the least that a durable write can cost."""
