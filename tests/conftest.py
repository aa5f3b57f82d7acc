"""What all tests share: hypothesis draws the same examples every time, and every process computes on one thread."""

import gc
import os

# Before torch is imported, and for the servers and workers that tests start: several processes share few cores, and
# threads of theirs would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")


def pytest_sessionstart() -> None:
    gc.disable()  # nine thousand tests are collected, and none of them is garbage


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
