"""Solutions of lab 6."""

import time
from statistics import median


def seconds_of(work, synchronize, rounds):
    work()  # sets things up
    taken = []
    for _ in range(rounds):
        synchronize()  # nothing of what came before is measured
        began = time.perf_counter()
        work()
        synchronize()  # a call may return before its work is done
        taken.append(time.perf_counter() - began)
    return median(taken)
