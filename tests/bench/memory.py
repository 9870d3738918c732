"""Peak memory of Python processes, by the kernel's own high-water mark."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.05


class MemoryWatch:
    """Watches a process and its descendants while in use as a context; ``peaks`` in bytes by command.

    The kernel keeps each process's peak (VmHWM), so that nothing is missed between two samples but a
    process that lives for less than one.
    """

    def __init__(self, pid: int) -> None:
        self.peaks: dict[str, int] = {}
        self._root = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            for process in family:
                self._sample(process)
            if self._is_over.wait(SAMPLE_SECONDS):
                return

    def _sample(self, process: psutil.Process) -> None:
        try:
            command = process.cmdline()
            if command and Path(command[0]).name.startswith("python"):
                name = " ".join([Path(word).name for word in command[1:] if not word.startswith("-")][:2])
                self.peaks[name] = max(self.peaks.get(name, 0), _peak(process))
        except (psutil.Error, OSError):  # it has just ended
            return


def _peak(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(process.memory_info().rss)
