"""What a person who waits sees: each step with the seconds gone, and a failure in four lines."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

Say = Callable[[str], None]
HEARTBEAT_SECONDS = 10


class StepError(RuntimeError):
    """A step that did not work: why, what to do, and where its log is."""

    def __init__(self, why: str, cure: str, log: Path | None = None, step: str = "") -> None:
        super().__init__(why)
        self.why, self.cure, self.log, self.step = why, cure, log, step

    def __str__(self) -> str:
        lines = [f"Step failed: {self.step}", f"  why: {self.why.strip()}", f"  do:  {self.cure}"]
        return "\n".join(lines + ([f"  log: {self.log}"] if self.log else []))


class Progress:
    """Prints steps as plain lines, so that they read as well in a terminal as in a log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.started = time.monotonic()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        with self._lock:
            self.stream.write(f"[{time.monotonic() - self.started:4.0f} s] {text}\n")
            self.stream.flush()

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """Announce a step, say every ten seconds that it still runs, and how long it took.

        Yields a function that says what the step is at; it shows with the next heartbeat.
        """
        began, latest, is_over = time.monotonic(), "", threading.Event()

        def say(text: str) -> None:
            nonlocal latest
            latest = f": {text}"

        def beat() -> None:
            while not is_over.wait(HEARTBEAT_SECONDS):
                self.line(f"  {name} … {time.monotonic() - began:.0f} s{latest}")

        self.line(f"{name} …")
        heart = threading.Thread(target=beat, daemon=True)
        heart.start()
        try:
            yield say
        except StepError as error:
            error.step = error.step or name
            raise
        finally:
            is_over.set()
            heart.join()
        self.line(f"{name}: done ({time.monotonic() - began:.1f} s)")


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    cure: str,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> None:
    """Run a program with its output in ``log``; raises StepError with the output's last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        result = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
        )
    if result.returncode != 0:
        last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-3:]
        name = Path(command[0]).name
        raise StepError(f"{name} ended with {result.returncode}: " + "\n       ".join(last), cure, log)
