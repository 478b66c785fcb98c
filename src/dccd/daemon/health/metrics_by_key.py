"""Metrics as a caller looks them up."""

from dccd._compat import override
from dccd.daemon.records import JobMetrics
from dccd.daemon.sanitize import clean_key


class MetricsByKey(dict[str, JobMetrics]):
    """Metrics by key, where a key that had to be cleaned is found as its caller wrote it, too."""

    @override
    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or (isinstance(key, str) and super().__contains__(clean_key(key)))

    def __missing__(self, key: str) -> JobMetrics:
        if (cleaned := clean_key(key)) == key:
            raise KeyError(key)
        return self[cleaned]

    @override
    def get(self, key: str, default: JobMetrics | None = None) -> JobMetrics | None:  # type: ignore[override]
        return super().get(key, super().get(clean_key(key), default))
