"""A pool whose process is killed leaves no worker behind."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil

KILLED_WITH_A_POOL = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from atlas_core.children import end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_the_process_that_made_them() -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_WITH_A_POOL], stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    worker = int(killed.stdout)
    if psutil.pid_exists(worker):
        psutil.Process(worker).wait(timeout=20)
