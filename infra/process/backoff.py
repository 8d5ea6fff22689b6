"""Waits that grow with each failure and never pass a limit, however many failures there were."""

MOST_DOUBLINGS = 32  # beyond that any wait of ours has reached its limit; 2.0 ** 1024 is no float any more


def growing(failures: int, first: float, most: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row: `first`, doubled each time, at most `most`."""
    return min(first * 2.0 ** min(max(failures - 1, 0), MOST_DOUBLINGS), most)
