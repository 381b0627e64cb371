"""Large arrays that are used again: fresh pages cost more than the arithmetic on them."""

from __future__ import annotations

import mmap
import threading

import numpy as np

KEEP = 6 << 30  # bytes of unused buffers to hold on to
HUGE = 1 << 22  # bytes from which huge pages are worth while


class Pool:
    """Hands out aligned arrays and takes them back; forgets the sizes asked for longest ago when it holds too much."""

    def __init__(self) -> None:
        self._free: dict[int, list[np.ndarray]] = {}  # by bytes, the size used last at the end
        self._held = 0
        self._lock = threading.Lock()

    def take(self, size: int, real: np.dtype) -> np.ndarray:
        """Return an array of `size` values, not initialised, aligned to 64 bytes."""
        count = size * real.itemsize
        with self._lock:
            waiting = self._free.get(count)
            if waiting:
                self._held -= count
                return waiting.pop().view(real)
        return _fresh(count).view(real)

    def give(self, array: np.ndarray) -> None:
        """Take an array back; the caller must not use it any more."""
        raw = array.view(np.uint8)
        with self._lock:
            self._free[raw.nbytes] = [*self._free.pop(raw.nbytes, []), raw]
            self._held += raw.nbytes
            while self._held > KEEP:
                oldest = next(iter(self._free))
                if self._free[oldest]:
                    self._held -= self._free[oldest].pop().nbytes
                if not self._free[oldest]:
                    del self._free[oldest]

    @property
    def held(self) -> int:
        """Bytes of unused arrays."""
        return self._held


def _fresh(count: int) -> np.ndarray:
    if count >= HUGE:
        # Shared pages, the default, would be those of every process that is forked from this one.
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        pages = mmap.mmap(-1, count + 64, **private)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            pages.madvise(mmap.MADV_HUGEPAGE)
        return np.frombuffer(pages, np.uint8, count)
    raw = np.empty(count + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count]


POOL = Pool()
