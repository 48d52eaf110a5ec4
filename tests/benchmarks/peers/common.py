"""What the programs of all peers share: data as arrays, the averages, timing, and the line that they print.

They run in an environment without Atlas, so nothing of it is imported here.
"""

import json
import resource
import sys
import time

import numpy as np


def data(folder, name):
    """Return one of the benchmark's files as a mapping of arrays."""
    with np.load(f"{folder}/{name}.npz") as file:
        return {key: file[key] for key in file.files}


def average(values, length):
    """Return the simple moving average, NaN before the first whole window."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    means = np.full(len(values), np.nan)
    means[length - 1 :] = (total[length:] - total[:-length]) / length
    return means


def crossings(close, fast=20, slow=100):
    """Return where the fast average crosses above the slow one and below it, at the close of a bar."""
    lead = average(close, fast) - average(close, slow)
    lead = np.where(np.abs(lead) < 1e-9, 0.0, lead)
    before = np.concatenate([[np.nan], lead[:-1]])
    return (lead > 0) & (before <= 0), (lead < 0) & (before >= 0)


def measure(work, rounds):
    """Run `work` in turn; print the seconds of the first call and of those after it, and what it counted."""
    wall, cpu, counts = [], [], None
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        counts = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {
        "first": wall[0],
        "again": wall[1:],
        "first_cpu": cpu[0],
        "cpu": min(cpu),
        "counts": counts,
        "peak_mib": peak,
    }
    print(json.dumps(line))


def arguments():
    """Return workload, folder of the data and rounds of the command line."""
    name, folder, rounds = sys.argv[1:4]
    return name, folder, int(rounds)
