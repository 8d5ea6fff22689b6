"""Signed requests that were answered 200 already: known again when they come a second time.

A signature covers body, nonce and timestamp, so the same signature is the same request: somebody's replay, or Sinch's
own retry of an answer it did not hear. Both are answered 200 and neither is appended again: the log has it.
This is one process's memory. Another replica, a restart, or `MOST` callbacks later, the request is appended again
under the same event id, which changes no table: the memory saves room in the log, correctness does not rest on it.
"""

MOST = 200_000
"""Signatures in each of two generations: at 170 bytes each 34 MB, and at least 200,000 callbacks of memory."""


class Replays:
    """The signatures of what was accepted lately."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._young: set[str] = set()
        self._old: set[str] = set()

    def knows(self, signature: str) -> bool:
        """Whether a request with this (verified) signature was accepted lately."""
        return signature in self._young or signature in self._old

    def accepted(self, signature: str) -> None:
        """Note one, once the log has what it said; the oldest half is forgotten when there are too many."""
        self._young.add(signature)
        if len(self._young) >= self._most:
            self._old, self._young = self._young, set()
