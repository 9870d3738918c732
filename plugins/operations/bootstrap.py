"""Builds the two Python environments of `make up` and `make test` from the hashed lock files.

Standard library only, and written so that an old Python can still say that it is too old.
Does nothing when the lock files have not changed since the last time.

    python3 plugins/operations/bootstrap.py runtime|dev
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
SUPERSET_NEWEST = (3, 12)  # its pandas has no wheels for a newer one
SUPERSET_PYTHON = "3.12"  # found or fetched by uv where ours is too new
FREE_DISK_BYTES = 5 * 1024**3
STAMP = "nengduan-locks.json"
STARTED = time.time()


class BootstrapError(Exception):
    """Said in one line, without a traceback."""


def check_python(version: "tuple[int, ...]", has_venv: bool) -> None:
    """Refuse a Python that cannot work."""
    if not OLDEST <= tuple(version[:2]) <= NEWEST:
        oldest, newest, this = (".".join(map(str, numbers[:2])) for numbers in (OLDEST, NEWEST, version))
        raise BootstrapError(
            f"Python {oldest} to {newest} is needed, this is {this} ({sys.executable}). "
            "Install one and name it: make PYTHON=python3.12 up"
        )
    if not has_venv:
        raise BootstrapError(
            f"{sys.executable} lacks the venv module. On Debian or Ubuntu: apt-get install python3-venv"
        )


def check_disk(free_bytes: float) -> None:
    if free_bytes < FREE_DISK_BYTES:
        raise BootstrapError(
            f"Only {free_bytes / 1024**3:.1f} GiB are free at {ROOT}, "
            f"{FREE_DISK_BYTES // 1024**3} GiB are needed to build the environments."
        )


def checksum(names: "list[str]") -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


class Environment:
    """One virtual environment and the lock files that it must agree with."""

    def __init__(
        self, folder: str, locks: "list[str]", project: "list[str]", larger: "Environment | None" = None
    ) -> None:
        self.folder = ROOT / folder
        self.locks = locks
        self.project = project
        self.larger = larger
        self.stamp = self.folder / STAMP

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)

    def wanted(self) -> "dict[str, str]":
        # The folder's own path is part of it: a moved environment does not work.
        return {"locks": checksum(self.locks + self.project), "folder": str(self.folder)}

    def is_current(self) -> bool:
        """Whether it was built from these locks, or from a larger set with the same versions."""
        if not Path(self.program("python")).exists():
            return False
        try:
            stamp = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return False
        return stamp == self.wanted() or (self.larger is not None and stamp == self.larger.wanted())

    def build(self, python: "list[str]", uv: str) -> None:
        """Make the environment if it is not there, and give it exactly what the locks say."""
        if not Path(self.program("python")).exists():
            shutil.rmtree(str(self.folder), ignore_errors=True)
            run(f"Making {self.folder.name}", [*python, str(self.folder)])
        if self.stamp.exists():
            self.stamp.unlink()
        if uv == self.program("uv"):
            pip = [self.program("python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
            run("Installing uv", [*pip, "--requirement", "requirements-uv.lock"])
        sync = [uv, "pip", "sync", "--python", self.program("python"), "--require-hashes", "--quiet"]
        run(f"Installing {self.locks[0]}", [*sync, "--compile-bytecode", *self.locks])
        if self.project:
            install = [uv, "pip", "install", "--python", self.program("python"), "--quiet", "--no-deps"]
            run("Installing nengduan", [*install, "--no-build-isolation", "--editable", str(ROOT)])
        self.stamp.write_text(json.dumps(self.wanted()))


def main_environment(kind: str) -> Environment:
    """Airflow's, dbt's and our own; the dev lock holds the runtime's versions and more."""
    dev = Environment(".venv", ["requirements-dev.lock", "requirements-uv.lock"], ["pyproject.toml"])
    if kind == "dev":
        return dev
    return Environment(".venv", ["requirements.lock", "requirements-uv.lock"], ["pyproject.toml"], larger=dev)


def superset_environment() -> Environment:
    return Environment(".venv-superset", ["requirements-superset.lock"], [])


def say(text: str) -> None:
    sys.stdout.write(f"[{time.time() - STARTED:4.0f} s] {text}\n")
    sys.stdout.flush()


def run(what: str, command: "list[str]") -> None:
    """Run a program, its words kept until it fails; says every ten seconds that it still runs."""
    say(f"{what} …")
    began = time.time()
    # Building an environment must not depend on what the caller's shell has set for Python.
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=str(ROOT), env=environment
    )
    while True:
        try:
            output, _ = process.communicate(timeout=10)
            break
        except subprocess.TimeoutExpired:
            say(f"  {what} … {time.time() - began:.0f} s")
    if process.returncode != 0:
        words = output.decode("utf-8", "replace").strip()[-3000:]
        raise BootstrapError(
            f"{what} failed ({' '.join(command)}):\n{words}\n"
            "Is the package index reachable? Run the same command again to go on."
        )
    say(f"{what}: done ({time.time() - began:.1f} s)")


def has_venv() -> bool:
    """Whether venv is complete; Debian leaves ensurepip out of a bare python3."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def bootstrap(kind: str) -> None:
    """Build what is missing or no longer agrees with its lock files."""
    check_python(sys.version_info[:3], has_venv())
    main, superset = main_environment(kind), superset_environment()
    if main.is_current() and superset.is_current():
        return
    check_disk(shutil.disk_usage(str(ROOT)).free)
    uv = main.program("uv")
    if not main.is_current():
        main.build([sys.executable, "-m", "venv"], uv)
    if not superset.is_current():
        python = sys.executable if sys.version_info[:2] <= SUPERSET_NEWEST else SUPERSET_PYTHON
        superset.build([uv, "venv", "--quiet", "--python", python], uv)


if __name__ == "__main__":
    try:
        if sys.argv[1:] not in (["runtime"], ["dev"]):
            raise BootstrapError("Say runtime or dev: python3 plugins/operations/bootstrap.py runtime")
        bootstrap(sys.argv[1])
    except BootstrapError as error:
        sys.exit(f"make: {error}")
    except KeyboardInterrupt:
        sys.exit("make: interrupted; run the same command again to go on.")
    except OSError as error:
        sys.exit(f"make: cannot build the environments: {error}")
