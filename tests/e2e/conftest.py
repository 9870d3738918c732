"""The whole platform, brought up once by the user's own command in a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestion import settings as configuration
from ingestion.settings import Settings
from tests.conftest import free_port

UP_SECONDS = 1500
DOWN_SECONDS = 180


@dataclass(frozen=True)
class Platform:
    """A running installation, and what `nengduan up` said when it started it."""

    settings: Settings
    environment: dict[str, str]
    output: str

    @property
    def superset_url(self) -> str:
        return self.settings.superset_url

    @property
    def superset_user(self) -> str:
        return "viewer"

    @property
    def superset_password(self) -> str:
        return self.settings.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"]

    def nengduan(self, *words: str, seconds: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
        """Type a command of ours, as the user would."""
        return nengduan(self.environment, *words, seconds=seconds)


def nengduan(environment: dict[str, str], *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("nengduan")), *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="session")
def running_platform() -> Iterator[Platform]:
    """Empty home → `nengduan up` with the sample plant → … → `nengduan down`."""
    home = Path(tempfile.mkdtemp(prefix="nengduan-e2e-"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NENGDUAN_")}
    environment["NENGDUAN_HOME"] = str(home)
    for service in ("DATABASE", "AIRFLOW", "SUPERSET", "SANDBOX"):
        environment[f"NENGDUAN_{service}_PORT"] = str(free_port())
    began = time.monotonic()
    try:
        done = nengduan(environment, "up", seconds=UP_SECONDS)
        print(f"nengduan up took {time.monotonic() - began:.0f} s")  # noqa: T201 (shown when a test fails)
        assert done.returncode == 0, done.stdout[-6000:]
        yield Platform(configuration.load(environment), environment, done.stdout)
    finally:
        nengduan(environment, "down", seconds=DOWN_SECONDS)
        shutil.rmtree(home, ignore_errors=True)
