"""docker-compose.yml starts what `make up` starts, with the same settings, and holds no secret.

No container engine is needed: the file is checked against the Compose specification and against
the program definitions and settings of `make up`. What the images hold: test_images.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import compose_spec
import pytest
import yaml

from ingestion import settings as configuration
from ingestion.settings import REPOSITORY, Settings
from plugins.operations import cluster, processes, services
from plugins.operations.environment import COMPOSE_SECRETS, OPTIONS, render
from tests.unit.composition import (
    COMPOSE,
    HOME,
    ROOT,
    VARIABLE,
    MissingVariableError,
    compose,
    generated,
    interpolate,
    pairs,
    raw,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104 (inside a container)

DELIBERATE = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "8",
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://airflow-api-server:8080/execution/",
    "AIRFLOW__API__HOST": EVERYWHERE,
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


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of `make up` with the same secrets, in a home of their own."""
    programs = tmp_path / "superset" / "bin"
    programs.mkdir(parents=True)
    (programs / "gunicorn").touch()
    for name in [name for name in os.environ if name.startswith("NENGDUAN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NENGDUAN_SUPERSET_VENV", str(programs.parent))
    given = {name: generated()[name] for name in configuration.SECRETS}
    return configuration.load({"NENGDUAN_HOME": str(tmp_path / "home"), **given})


def test_the_file_follows_the_specification() -> None:
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(compose()))
    parsed.validate()
    assert set(parsed.service_names()) == set(compose()["services"])


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_docker_compose_reads_the_file_as_we_do(tmp_path: Path) -> None:
    environment_file = tmp_path / "env"
    environment_file.write_text(render(), encoding="utf-8")
    command = ["docker-compose", "--env-file", str(environment_file), "--file", str(COMPOSE), "config"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    answer = subprocess.run(command, capture_output=True, text=True, env=kept | {"COMPOSE_PROFILES": "scale,tools"})
    assert answer.returncode == 0, answer.stderr
    seen = yaml.safe_load(answer.stdout)
    assert set(seen["services"]) == set(compose()["services"])
    for name, service in compose()["services"].items():
        assert set(seen["services"][name].get("environment", {})) == set(service.get("environment", {}))


def test_the_services_are_those_of_make_up(local: Settings) -> None:
    """Each program of `make up` has a container of its name and runs with the same arguments there; only the platform that
    the sample plant uploads to has none: a plant in production has a province.
    """
    started = {name: service for name, service in services.services(local).items() if name != "sandbox"}
    one_shots = {"init", "superset-init", "dashboards", "cli"}
    assert set(compose()["services"]) == {*started, "postgres", "redis", "airflow-worker", *one_shots}
    for name, service in started.items():
        program, *arguments = service.command
        expected = [Path(program).name, *(part.replace("127.0.0.1", EVERYWHERE) for part in arguments)]
        assert compose()["services"][name]["command"] == expected, name


def test_airflow_gets_the_settings_of_make_up(local: Settings) -> None:
    local_home = str(local.home)
    local_database = f"127.0.0.1:{local.database_port}"
    expected = {
        name: value.replace(local_home, HOME).replace(str(REPOSITORY), ROOT).replace(local_database, "postgres:5432")
        for name, value in processes.airflow(local).items()
        if name.startswith("AIRFLOW_")
    }
    for name in ONLY_SIMPLE_LOGIN:
        del expected[name]
    expected |= DELIBERATE
    for service_name, service in compose()["services"].items():
        if "AIRFLOW_HOME" not in service.get("environment", {}):
            continue
        seen = {key: value for key, value in service["environment"].items() if key.startswith("AIRFLOW_")}
        assert {key: value for key, value in seen.items() if key not in ONLY_CELERY} == expected, service_name
        assert set(seen) - set(expected) == ONLY_CELERY, service_name


def test_postgresql_gets_the_settings_of_make_up() -> None:
    """Those that do not depend on the machine; compression differs, as the wheel is built without lz4."""
    seen = dict(
        argument.removeprefix("-c").split("=", 1) for argument in compose()["services"]["postgres"]["command"][1:]
    )
    ours = cluster.configuration(24 * 1024**3, 4, 100 * 1024**3)
    fitted = {"shared_buffers", "max_wal_size", "maintenance_work_mem", "work_mem"}
    assert seen.pop("wal_compression") == "lz4"
    assert {name: value for name, value in seen.items() if name not in fitted} == {
        name: ours[name].strip("'") for name in seen if name not in fitted
    }
    assert cluster.AUTOVACUUM.items() <= seen.items()


def test_superset_gets_the_settings_of_make_up(local: Settings) -> None:
    ours = set(processes.superset(local)) - set(processes.base())
    expected = {
        name: processes.superset(local)[name]
        .replace(str(local.home), HOME)
        .replace(str(REPOSITORY), ROOT)
        .replace(f"127.0.0.1:{local.database_port}", "postgres:5432")
        for name in ours
    }
    for name in ("superset", "superset-init"):
        seen = dict(compose()["services"][name]["environment"])
        assert seen.pop("SCARF_ANALYTICS") == processes.base()["SCARF_ANALYTICS"]
        assert seen.pop("NENGDUAN_SUPERSET_HTTPS") == ""
        assert seen == expected


def test_the_platform_finds_its_database(tmp_path: Path) -> None:
    """Our settings, read from a container's environment, name the server and know the passwords."""
    for name, service in compose()["services"].items():
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


def test_every_variable_of_ours_is_read_by_our_code() -> None:
    """A name in the file that no code reads is a slip of the pen."""
    rooms = ("ingestion", "plugins", "dashboards", "quality", "dags", "docker")
    code = "\n".join(path.read_text("utf-8") for room in rooms for path in (REPOSITORY / room).rglob("*.py"))
    known = set(re.findall(r"NENGDUAN_\w+", code)) | set(COMPOSE_SECRETS)
    for service in compose()["services"].values():
        assert {name for name in service.get("environment", {}) if name.startswith("NENGDUAN_")} <= known


def test_the_environment_file_and_the_compose_file_name_the_same_variables() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    named = {match["name"] for match in VARIABLE.finditer(text) if match["name"]}
    offered = pairs((REPOSITORY / ".env.example").read_text(encoding="utf-8"))
    assert named | {"COMPOSE_PROFILES"} == set(offered) | {"NENGDUAN_REDIS_PASSWORD"}
    assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == render(is_empty=True)
    assert not any(offered.values())


@pytest.mark.parametrize("name", COMPOSE_SECRETS)
def test_nothing_starts_without_a_secret(name: str) -> None:
    with pytest.raises(MissingVariableError, match=name):
        interpolate(raw(), generated() | {name: ""})


def test_settings_may_stay_empty() -> None:
    assert set(generated()) == {*OPTIONS, *COMPOSE_SECRETS}
    assert [name for name, value in generated().items() if not value] == list(OPTIONS)
    values = [generated()[name] for name in COMPOSE_SECRETS]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 24
    assert not set("".join(values)) & set("$'\"\\ #@:/")  # would end a line of .env or break a URL


def test_no_secret_is_written_down() -> None:
    for name, service in raw()["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY|TOKEN", key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {key}"
            for password in re.findall(r"://[^:/@]*:(.+?)@", str(value)):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", password), f"{name}: {key}"


def test_what_runs_on_is_watched_and_started_again() -> None:
    for name, service in compose()["services"].items():
        if service["restart"] == "no":
            assert name in ("init", "superset-init", "dashboards", "cli")
            continue
        assert service["restart"] == "unless-stopped", name
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL"), name
        assert {"interval", "timeout", "retries", "start_period"} <= set(check), name


def test_what_waits_waits_for_something_that_comes() -> None:
    services_ = compose()["services"]
    for name, service in services_.items():
        for other, wait in service.get("depends_on", {}).items():
            target = services_[other]
            ends = target["restart"] == "no"
            assert wait["condition"] == ("service_completed_successfully" if ends else "service_healthy")
            if "profiles" in target:
                assert target["profiles"] == service.get("profiles"), f"{name} waits for {other}"
    assert services_["airflow-worker"]["profiles"] == services_["redis"]["profiles"] == ["scale"]
    assert services_["cli"]["profiles"] == ["tools"]


def test_volumes_are_declared_and_used() -> None:
    used = {mount.split(":")[0] for one in compose()["services"].values() for mount in one.get("volumes", [])}
    assert used == set(compose()["volumes"])
    assert compose()["services"]["postgres"]["volumes"] == ["database:/var/lib/postgresql"]
    platform = [one for one in compose()["services"].values() if one["image"].startswith("nengduan:")]
    for service in platform:
        assert {mount.split(":")[1] for mount in service["volumes"]} == {HOME, f"{HOME}/drop"}


def test_addresses_are_services_and_ports_are_the_defaults(local: Settings) -> None:
    services_ = compose()["services"]
    assert services_["airflow-api-server"]["ports"] == [f"127.0.0.1:{local.airflow_port}:8080"]
    assert services_["superset"]["ports"] == [f"127.0.0.1:{local.superset_port}:8088"]
    assert [name for name, one in services_.items() if "ports" in one] == ["airflow-api-server", "superset"]
    listens = {"airflow-api-server": 8080, "superset": 8088, "postgres": 5432, "redis": 6379}
    texts = [
        (name, text)
        for name, one in services_.items()
        for text in [
            *map(str, one.get("environment", {}).values()),
            *one.get("healthcheck", {}).get("test", []),
        ]
    ]
    addresses = [(name, urlsplit(text)) for name, text in texts if "://" in text]
    assert len(addresses) > 20
    for name, address in addresses:
        host = address.hostname or ""
        if host == "localhost":
            host = name if name in listens else "airflow-api-server"
        assert listens.get(host) == address.port, f"{name}: {address.netloc.rpartition('@')[2]}"
