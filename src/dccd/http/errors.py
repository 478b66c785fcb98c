"""How an attempt fails."""


class AttemptError(Exception):
    """An attempt failed: `retryable` if the same may work in a while, after `wait` seconds if the server said so.

    The retry loop counts the attempts made in `tries`.
    """

    def __init__(self, reason: str, *, retryable: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.wait = wait
        self.tries = 1
