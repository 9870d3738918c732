"""The images hold what docker-compose.yml runs in them: programs, modules, scripts, paths."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click import Context

from ingestion.settings import REPOSITORY
from plugins.operations.cli import cli
from plugins.operations.environment import OPTIONS
from tests.unit.composition import (
    COMPOSE,
    DOCKERFILE,
    HOME,
    ROOT,
    compose,
    copies,
    is_copied,
    is_ours,
    stages,
)

AIRFLOW_FACTS = """
import importlib, json, sys
from airflow.api_fastapi.core_api.datamodels.monitor import HealthInfoResponse
from airflow.api_fastapi.core_api.routes.public.monitor import monitor_router
from airflow.cli.cli_parser import airflow_commands
from airflow.executors.executor_loader import ExecutorLoader
from airflow.providers.celery.cli.definition import CELERY_COMMANDS

module, _, name = sys.argv[1].rpartition(".")
json.dump({
    "commands": [command.name for command in airflow_commands],
    "celery_commands": [command.name for command in CELERY_COMMANDS],
    "executors": {name: path for name, path in ExecutorLoader.executors.items()},
    "health_components": list(HealthInfoResponse.model_fields),
    "health_paths": [getattr(route, "path", "") for route in monitor_router.routes],
    "has_auth_manager": hasattr(importlib.import_module(module), name),
    "has_celery_app": hasattr(
        importlib.import_module("airflow.providers.celery.executors.celery_executor"), "app"
    ),
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def airflow_facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the installed Airflow knows; asked in a process of its own, as an import freezes its settings."""
    environment = compose()["services"]["airflow-scheduler"]["environment"]
    answer = subprocess.run(
        [sys.executable, "-c", AIRFLOW_FACTS, environment["AIRFLOW__CORE__AUTH_MANAGER"]],
        env={
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    facts: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return facts


def packages_of(lock: str) -> set[str]:
    """Names of the packages of a lock file."""
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==", text, flags=re.MULTILINE))


PROGRAM_PACKAGES = {"airflow": "apache-airflow", "celery": "celery", "gunicorn": "gunicorn"}
"""Programs that come with a package of the image's lock file."""


def check_command(words: list[str], target: str, facts: dict[str, Any]) -> None:
    """One command line: its program is in the image, its script, module or subcommand exists."""
    program, *arguments = words
    if program == "python" and arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]), words
        assert is_copied(arguments[1].replace(".", "/") + ".py", target), words
        assert target == "platform", words
    elif program == "python":
        assert (REPOSITORY / arguments[0]).is_file(), words
        assert is_copied(arguments[0], target), words
    elif program == "nengduan":
        assert arguments == ["--help"] or arguments[0] in cli.list_commands(Context(cli)), words
        assert target == "platform", words
    else:
        lock = "requirements-superset.lock" if target == "superset" else "requirements.lock"
        assert PROGRAM_PACKAGES[program] in packages_of(lock), words
        if program == "airflow":
            assert arguments[0] in {*facts["commands"], "celery"}, words
        if arguments[:1] == ["celery"]:
            assert arguments[1] in facts["celery_commands"], words
        if program == "celery":
            assert arguments[:2] == ["--app", "airflow.providers.celery.executors.celery_executor.app"]
            assert facts["has_celery_app"]


def steps_of(script: Path) -> list[list[str]]:
    """The commands of one of our shell scripts, which are plain lists of them."""
    lines = [line.split("#")[0] for line in script.read_text(encoding="utf-8").splitlines()]
    steps = [shlex.split(line) for line in lines if line.strip()]
    return [step for step in steps if step[0] not in ("echo", "set")]


def test_commands_exist_in_their_images(airflow_facts: dict[str, Any]) -> None:
    checked = 0
    for service in compose()["services"].values():
        if not is_ours(service):
            continue
        target = service["build"]["target"]
        check = service.get("healthcheck", {}).get("test", ["CMD"])
        lines = [service["command"], shlex.split(check[1]) if check[0] == "CMD-SHELL" else check[1:]]
        for words in filter(None, lines):
            if words[0] == "sh":
                assert is_copied(words[1], target), words
                commands = steps_of(REPOSITORY / words[1])
            else:
                commands = [words]
            for command in commands:
                check_command(command, target, airflow_facts)
                checked += 1
    assert checked > 15


def test_the_healthcheck_asks_what_airflow_answers(airflow_facts: dict[str, Any]) -> None:
    asked = re.findall(r'/api/v2(/monitor/\w+)", "(\w+)"', COMPOSE.read_text(encoding="utf-8"))
    assert {component for _, component in asked} == set(airflow_facts["health_components"])
    assert {path for path, _ in asked} <= set(airflow_facts["health_paths"])


def test_named_classes_exist(airflow_facts: dict[str, Any]) -> None:
    """Dotted names that Airflow imports by its settings."""
    assert airflow_facts["has_auth_manager"]
    for name in ("LocalExecutor", "CeleryExecutor"):
        module = airflow_facts["executors"][name].rpartition(".")[0]
        assert importlib.util.find_spec(module), name
        assert name in OPTIONS["NENGDUAN_AIRFLOW_EXECUTOR"]


def test_the_images_are_built_from_what_is_here() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    targets = {one["build"]["target"] for one in compose()["services"].values() if is_ours(one)}
    assert targets == {"platform", "superset"} <= set(stages())
    for stage, instructions in stages().items():
        sources = [source for source, _ in copies(stage)]
        for source in sources:
            assert (REPOSITORY / source).exists(), source
            assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), f"{source} is ignored"
        for line in instructions:
            for other in re.findall(r"--from=(\S+)", line):
                assert other in stages(), line
            for installed in re.findall(r"--requirement (\S+)", line):
                assert "--require-hashes" in line
                assert installed in sources
    for service in compose()["services"].values():
        if is_ours(service):
            assert (service["build"]["context"], service["build"]["dockerfile"]) == (".", "docker/Dockerfile")


def test_paths_inside_the_images_exist() -> None:
    """Every path below the images' root is one of the repository that the image really has."""
    for name, service in compose()["services"].items():
        if not is_ours(service):
            continue
        for value in map(str, service["environment"].values()):
            if value.startswith(f"{ROOT}/"):
                path = value.removeprefix(f"{ROOT}/")
                assert (REPOSITORY / path).exists(), f"{name}: {value}"
                assert is_copied(path, service["build"]["target"]), f"{name}: {value}"
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert f"WORKDIR {ROOT}\n" in text
    assert text.count(f"NENGDUAN_HOME={HOME}\n") == 2


def test_the_images_are_built_with_every_room() -> None:
    """The platform's image holds all packages that the project installs, and what they read at run time."""
    declared = re.search(r"^packages = (\[.*\])$", (REPOSITORY / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert declared
    for room in (*json.loads(declared[1]), "dags", "dbt_project"):
        assert is_copied(room, "platform"), room
    dags = [path.relative_to(REPOSITORY) for path in (REPOSITORY / "dags").glob("*.py")]
    assert dags
    assert all(is_copied(str(path), "platform") for path in dags)


def test_the_locks_hold_a_hash_for_every_package_and_no_index() -> None:
    for lock in ("requirements.lock", "requirements-superset.lock"):
        text = (REPOSITORY / lock).read_text(encoding="utf-8")
        assert "://" not in text
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert len(blocks) > 100
        assert all("--hash=sha256:" in block for block in blocks if not block.startswith("#"))
