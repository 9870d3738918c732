"""docker-compose.yml names nothing that does not exist, and starts what `make up` starts.

No container engine is needed: the file is checked against the Compose specification, against the
program definitions and settings of `make up`, and against the tree and the Dockerfile.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import compose_spec
import pytest
import yaml

from ingestion import settings as configuration
from ingestion.settings import REPOSITORY, Settings
from plugins.operations import processes, services
from plugins.operations.environment import COMPOSE_SECRETS, OPTIONS, render

COMPOSE = REPOSITORY / "docker-compose.yml"
DOCKERFILE = REPOSITORY / "docker" / "Dockerfile"
ROOT = "/opt/nengduan"  # where the images hold the repository
HOME = "/var/lib/nengduan"
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")

DELIBERATE = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "8",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-api-server:8080/execution/",
    "AIRFLOW__API__HOST": "0.0.0.0",
    "AIRFLOW__API__BASE_URL": "http://localhost:8080",
}
"""What Airflow is told otherwise than by `make up`, with the value a fresh .env gives."""

ONLY_SIMPLE_LOGIN = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
}
ONLY_CELERY = {
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY",
}


class MissingVariableError(ValueError):
    """A required variable has no value, as the engine would say."""


def interpolate(value: Any, environment: dict[str, str]) -> Any:
    """Put the variables in, by the rules of the Compose specification that the file uses."""
    if isinstance(value, dict):
        return {key: interpolate(part, environment) for key, part in value.items()}
    if isinstance(value, list):
        return [interpolate(part, environment) for part in value]
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        found = environment.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise MissingVariableError(match["name"])
        return found or (match["rest"] or "" if match["kind"] == "-" else "")

    return VARIABLE.sub(put, value)


def pairs(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return pairs(render())


@pytest.fixture(scope="module")
def compose(raw: dict[str, Any], generated: dict[str, str]) -> dict[str, Any]:
    """The file as the engine sees it with a fresh .env."""
    result: dict[str, Any] = interpolate({"services": raw["services"], "volumes": raw["volumes"]}, generated)
    return result


@pytest.fixture
def local(tmp_path: Path, generated: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of `make up` with the same secrets, in a home of their own."""
    programs = tmp_path / "superset" / "bin"
    programs.mkdir(parents=True)
    (programs / "gunicorn").touch()
    for name in [name for name in os.environ if name.startswith("NENGDUAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NENGDUAN_SUPERSET_VENV", str(programs.parent))
    given = {name: generated[name] for name in configuration.SECRETS}
    return configuration.load({"NENGDUAN_HOME": str(tmp_path / "home"), **given})


def is_ours(service: dict[str, Any]) -> bool:
    return "build" in service


def test_the_file_follows_the_specification(compose: dict[str, Any]) -> None:
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose))
    parsed.validate()
    assert set(parsed.service_names()) == set(compose["services"])


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_docker_compose_reads_the_file_as_we_do(compose: dict[str, Any], tmp_path: Path) -> None:
    environment_file = tmp_path / "env"
    environment_file.write_text(render(), encoding="utf-8")
    command = ["docker-compose", "--env-file", str(environment_file), "--file", str(COMPOSE), "config"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    answer = subprocess.run(
        command, capture_output=True, text=True, env=kept | {"COMPOSE_PROFILES": "scale,tools"}
    )
    assert answer.returncode == 0, answer.stderr
    seen = yaml.safe_load(answer.stdout)
    assert set(seen["services"]) == set(compose["services"])
    for name, service in compose["services"].items():
        assert set(seen["services"][name].get("environment", {})) == set(service.get("environment", {}))


def test_the_services_are_those_of_make_up(compose: dict[str, Any], local: Settings) -> None:
    """Each program of `make up` runs in a container of its name with the same arguments; only the address differs."""
    started = services.services(local)
    one_shots = {"init", "superset-init", "dashboards", "cli"}
    assert set(compose["services"]) == {*started, "postgres", "redis", "airflow-worker", *one_shots}
    for name, service in started.items():
        program, *arguments = service.command
        expected = [Path(program).name, *(part.replace("127.0.0.1", "0.0.0.0") for part in arguments)]
        assert compose["services"][name]["command"] == expected, name


def test_airflow_gets_the_settings_of_make_up(compose: dict[str, Any], local: Settings) -> None:
    local_home = str(local.home)
    local_database = f"127.0.0.1:{local.database_port}"
    expected = {
        name: value.replace(local_home, HOME)
        .replace(str(REPOSITORY), ROOT)
        .replace(local_database, "postgres:5432")
        for name, value in processes.airflow(local).items()
        if name.startswith("AIRFLOW_")
    }
    for name in ONLY_SIMPLE_LOGIN:
        del expected[name]
    expected |= DELIBERATE
    for service_name, service in compose["services"].items():
        if "AIRFLOW_HOME" not in service.get("environment", {}):
            continue
        seen = {key: value for key, value in service["environment"].items() if key.startswith("AIRFLOW_")}
        assert {key: value for key, value in seen.items() if key not in ONLY_CELERY} == expected, service_name
        assert set(seen) - set(expected) == ONLY_CELERY, service_name


def test_superset_gets_the_settings_of_make_up(compose: dict[str, Any], local: Settings) -> None:
    ours = set(processes.superset(local)) - set(processes.base())
    expected = {
        name: processes.superset(local)[name]
        .replace(str(local.home), HOME)
        .replace(str(REPOSITORY), ROOT)
        .replace(f"127.0.0.1:{local.database_port}", "postgres:5432")
        for name in ours
    }
    for name in ("superset", "superset-init"):
        seen = dict(compose["services"][name]["environment"])
        assert seen.pop("SCARF_ANALYTICS") == processes.base()["SCARF_ANALYTICS"]
        assert seen.pop("NENGDUAN_SUPERSET_HTTPS") == ""
        assert seen == expected


def test_the_platform_finds_its_database(compose: dict[str, Any], tmp_path: Path) -> None:
    """Our own settings, read from a container's environment, name the server and know every password they need."""
    for name, service in compose["services"].items():
        environment = dict(service.get("environment", {}))
        if "NENGDUAN_DATABASE_HOST" not in environment:
            continue
        environment["NENGDUAN_HOME"] = str(tmp_path / name)
        settings = configuration.load(environment)
        assert (settings.database_host, settings.database_port) == ("postgres", 5432)
        assert not settings.is_bundled
        for role in ("ingest", "transform", "bi", "audit"):
            assert settings.password(role) == environment[f"NENGDUAN_{role.upper()}_PASSWORD"]
        is_operator = "NENGDUAN_OWNER_PASSWORD" in environment
        assert (settings.admin_url is not None) == is_operator
        assert is_operator == (name in ("init", "dashboards", "cli"))


def test_every_variable_of_ours_is_read_by_our_code(compose: dict[str, Any]) -> None:
    """A name in the file that no code reads is a slip of the pen."""
    rooms = ("ingestion", "plugins", "dashboards", "quality", "dags", "docker")
    code = "\n".join(path.read_text("utf-8") for room in rooms for path in (REPOSITORY / room).rglob("*.py"))
    known = set(re.findall(r"NENGDUAN_\w+", code)) | set(COMPOSE_SECRETS)
    for service in compose["services"].values():
        assert {name for name in service.get("environment", {}) if name.startswith("NENGDUAN_")} <= known


def test_the_environment_file_and_the_compose_file_name_the_same_variables() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    named = {match["name"] for match in VARIABLE.finditer(text) if match["name"]}
    offered = pairs((REPOSITORY / ".env.example").read_text(encoding="utf-8"))
    assert named | {"COMPOSE_PROFILES"} == set(offered) | {"NENGDUAN_REDIS_PASSWORD"}
    assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == render(is_empty=True)
    assert not any(offered.values())


@pytest.mark.parametrize("name", COMPOSE_SECRETS)
def test_nothing_starts_without_a_secret(raw: dict[str, Any], generated: dict[str, str], name: str) -> None:
    with pytest.raises(MissingVariableError, match=name):
        interpolate(raw, generated | {name: ""})


def test_settings_may_stay_empty(generated: dict[str, str]) -> None:
    assert set(generated) == {*OPTIONS, *COMPOSE_SECRETS}
    assert [name for name, value in generated.items() if not value] == list(OPTIONS)
    values = [generated[name] for name in COMPOSE_SECRETS]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 24
    assert not set("".join(values)) & set("$'\"\\ #@:/")  # would end a line of .env or break a URL


def test_no_secret_is_written_down(raw: dict[str, Any]) -> None:
    for name, service in raw["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY|TOKEN", key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {key}"
            for password in re.findall(r"://[^:/@]*:(.+?)@", str(value)):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", password), f"{name}: {key}"


def test_what_runs_on_is_watched_and_started_again(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if service["restart"] == "no":
            assert name in ("init", "superset-init", "dashboards", "cli")
            continue
        assert service["restart"] == "unless-stopped", name
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL"), name
        assert {"interval", "timeout", "retries", "start_period"} <= set(check), name


def test_what_waits_waits_for_something_that_comes(compose: dict[str, Any]) -> None:
    services_ = compose["services"]
    for name, service in services_.items():
        for other, wait in service.get("depends_on", {}).items():
            target = services_[other]
            ends = target["restart"] == "no"
            assert wait["condition"] == ("service_completed_successfully" if ends else "service_healthy")
            if "profiles" in target:
                assert target["profiles"] == service.get("profiles"), f"{name} waits for {other}"
    assert services_["airflow-worker"]["profiles"] == services_["redis"]["profiles"] == ["scale"]
    assert services_["cli"]["profiles"] == ["tools"]


def test_volumes_are_declared_and_used(compose: dict[str, Any]) -> None:
    used = {mount.split(":")[0] for one in compose["services"].values() for mount in one.get("volumes", [])}
    assert used == set(compose["volumes"])
    assert compose["services"]["postgres"]["volumes"] == ["database:/var/lib/postgresql"]
    platform = [one for one in compose["services"].values() if one["image"].startswith("nengduan:")]
    for service in platform:
        assert {mount.split(":")[1] for mount in service["volumes"]} == {HOME, f"{HOME}/drop"}


def test_addresses_are_services_and_ports_are_the_defaults(compose: dict[str, Any], local: Settings) -> None:
    services_ = compose["services"]
    assert services_["airflow-api-server"]["ports"] == [f"127.0.0.1:{local.airflow_port}:8080"]
    assert services_["superset"]["ports"] == [f"127.0.0.1:{local.superset_port}:8088"]
    assert [name for name, one in services_.items() if "ports" in one] == ["airflow-api-server", "superset"]
    listens = {"airflow-api-server": 8080, "superset": 8088, "postgres": 5432, "redis": 6379}
    texts = [
        (name, text)
        for name, one in services_.items()
        for text in [*map(str, one.get("environment", {}).values()), *one.get("healthcheck", {}).get("test", [])]
    ]
    addresses = [(name, urlsplit(text)) for name, text in texts if "://" in text]
    assert len(addresses) > 20
    for name, address in addresses:
        host = address.hostname or ""
        if host == "localhost":
            host = name if name in listens else "airflow-api-server"
        assert listens.get(host) == address.port, f"{name}: {address.netloc.rpartition('@')[2]}"


def programs_of(lock: str) -> set[str]:
    """Names of the packages of a lock file."""
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==", text, flags=re.MULTILINE))


PROGRAM_PACKAGES = {"airflow": "apache-airflow", "celery": "celery", "gunicorn": "gunicorn"}
"""Programs that come with a package of the image's lock file."""


def check_command(words: list[str], target: str) -> None:
    """One command line of ours: its program is in the image, its script or module or subcommand exists."""
    from airflow.cli.cli_parser import airflow_commands
    from airflow.providers.celery.cli.definition import CELERY_COMMANDS

    from plugins.operations.cli import cli

    program, *arguments = words
    lock = "requirements-superset.lock" if target == "superset" else "requirements.lock"
    if program == "python" and arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]), words
        assert target == "platform", words
    elif program == "python":
        assert (REPOSITORY / arguments[0]).is_file(), words
        assert is_copied(arguments[0], target), words
    elif program == "nengduan":
        assert arguments == ["--help"] or arguments[0] in cli.list_commands(None), words  # type: ignore[arg-type]
        assert target == "platform", words
    else:
        assert PROGRAM_PACKAGES[program] in programs_of(lock), words
        if program == "airflow":
            known = {command.name for command in airflow_commands} | {"celery"}
            assert arguments[0] in known, words
            if arguments[0] == "celery":
                assert arguments[1] in {command.name for command in CELERY_COMMANDS}, words
            if arguments[0] == "db":
                assert arguments[1] == "migrate", words


def is_copied(path: str, target: str) -> bool:
    """Whether the image of this target holds that path of the repository."""
    sources = [source for source, _ in copies(target)]
    return any(path == source or path.startswith(f"{source}/") for source in sources)


def stages() -> dict[str, list[str]]:
    """The Dockerfile's instructions by stage, continued lines joined."""
    result: dict[str, list[str]] = {"": []}
    name = ""
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8")).splitlines():
        if match := re.match(r"FROM \S+ AS (\S+)", line):
            name = match[1]
            result[name] = [line]
        elif line.strip() and not line.startswith("#"):
            result[name].append(line)
    return result


def copies(target: str) -> list[tuple[str, str]]:
    """(source, destination) of what a stage takes out of the repository."""
    found = []
    for line in stages()[target]:
        if line.startswith("COPY ") and "--from=" not in line:
            *sources, destination = line.split()[1:]
            found += [(source, destination) for source in sources]
    return found


def test_commands_exist_in_their_images(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        if not is_ours(service):
            continue
        target = service["build"]["target"]
        lines = [service["command"]]
        check = service.get("healthcheck", {}).get("test", ["CMD"])
        lines += [shlex.split(check[1])] if check[0] == "CMD-SHELL" else [check[1:]]
        for words in filter(None, lines):
            if words[0] != "sh":
                check_command(words, target)
                continue
            script = REPOSITORY / words[1]
            assert is_copied(words[1], target)
            steps = [shlex.split(line) for line in script.read_text("utf-8").splitlines() if line.strip()]
            for step in steps:
                if step and step[0] not in ("echo", "set"):
                    check_command(step, target)
            assert len(steps) > 3


def test_the_healthcheck_asks_what_airflow_answers() -> None:
    from airflow.api_fastapi.core_api.datamodels.monitor import HealthInfoResponse
    from airflow.api_fastapi.core_api.routes.public.monitor import monitor_router

    asked = re.findall(r'/api/v2(/monitor/\w+)", "(\w+)"', COMPOSE.read_text(encoding="utf-8"))
    assert {component for _, component in asked} == set(HealthInfoResponse.model_fields)
    assert {path for path, _ in asked} <= {getattr(route, "path", "") for route in monitor_router.routes}


def test_named_classes_exist(compose: dict[str, Any]) -> None:
    """Dotted names that Airflow imports by its settings."""
    from airflow.executors.executor_constants import CELERY_EXECUTOR, LOCAL_EXECUTOR
    from airflow.executors.executor_loader import ExecutorLoader

    for executor in (LOCAL_EXECUTOR, CELERY_EXECUTOR):
        module, _, _ = ExecutorLoader.executors[executor].rpartition(".")
        assert importlib.util.find_spec(module)
    assert "CeleryExecutor" in OPTIONS["NENGDUAN_AIRFLOW_EXECUTOR"]
    manager = compose["services"]["airflow-scheduler"]["environment"]["AIRFLOW__CORE__AUTH_MANAGER"]
    module, _, name = manager.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


def test_the_images_are_built_from_what_is_here(compose: dict[str, Any]) -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    targets = {one["build"]["target"] for one in compose["services"].values() if is_ours(one)}
    assert targets == {"platform", "superset"} <= set(stages())
    for stage in stages():
        for source, _ in copies(stage):
            assert (REPOSITORY / source).exists(), source
            assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed), f".dockerignore hides {source}"
        for line in stages()[stage]:
            for other in re.findall(r"--from=(\S+)", line):
                assert other in stages(), line
            for installed in re.findall(r"--requirement (\S+)", line):
                assert "--require-hashes" in line
                assert installed in [source for source, _ in copies(stage)]
    for service in compose["services"].values():
        if is_ours(service):
            assert (service["build"]["context"], service["build"]["dockerfile"]) == (".", "docker/Dockerfile")


def test_paths_inside_the_images_exist(compose: dict[str, Any]) -> None:
    """Every path below the images' root is one of the repository that the image really has."""
    for name, service in compose["services"].items():
        if not is_ours(service):
            continue
        for value in map(str, service["environment"].values()):
            if value.startswith(f"{ROOT}/"):
                path = value.removeprefix(f"{ROOT}/")
                assert (REPOSITORY / path).exists(), f"{name}: {value}"
                assert is_copied(path, service["build"]["target"]), f"{name}: {value}"
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert f"WORKDIR {ROOT}\n" in text
    assert f"NENGDUAN_HOME={HOME}\n" in text


def test_the_locks_hold_a_hash_for_every_package_and_no_index() -> None:
    for lock in ("requirements.lock", "requirements-superset.lock"):
        text = (REPOSITORY / lock).read_text(encoding="utf-8")
        assert "://" not in text
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert len(blocks) > 100
        assert all("--hash=sha256:" in block for block in blocks if not block.startswith("#"))
