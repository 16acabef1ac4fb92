"""Timing on a noisy machine: all sides in turn, many times. SPDX-License-Identifier: Apache-2.0"""

import time
from statistics import median

LEAST_ROUNDS = 3
PAUSE = 0.01  # seconds between calls, in which the OpenMP threads of the call before stop spinning


def in_turn(calls, seconds):
    """Makes the calls one after the other, over and over, for so many seconds and at least three times.
    A call gets the number of the round. Returns, for each call, how long it took in every round."""
    taken = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while len(taken[0]) < LEAST_ROUNDS or time.perf_counter() < end:
        for call, times in zip(calls, taken):
            time.sleep(PAUSE)
            start = time.perf_counter()
            call(len(times))
            times.append(time.perf_counter() - start)
    return taken


def ratios(slow, fast):
    """How many times as fast: by the least times, and by the medians."""
    return {"ratio": min(slow) / min(fast), "ratio_median": median(slow) / median(fast)}
