"""Setting up and diagnosing: what is said when the machine is not fit, and how settings are found."""

from __future__ import annotations

import io
import json
import socket
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingestion import settings as configuration
from ingestion.settings import SettingsError
from plugins.operations import bootstrap, cluster, doctor, processes, services, up
from plugins.operations.bootstrap import BootstrapError, Environment
from plugins.operations.progress import Progress, StepError, run_logged
from tests.conftest import clean_environment


@pytest.fixture(name="home")
def fixture_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    clean_environment(monkeypatch, tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.parametrize("version", [(3, 6, 9), (3, 10, 14), (3, 14, 0), (4, 0, 0)])
def test_an_unfit_python_is_refused_in_one_line(version: tuple[int, ...]) -> None:
    with pytest.raises(BootstrapError, match=r"Python 3\.11 to 3\.13 is needed, this is") as told:
        bootstrap.check_python(version, has_venv=True)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 7), (3, 13, 1)])
def test_a_fit_python_is_taken_and_asked_for_venv(version: tuple[int, ...]) -> None:
    bootstrap.check_python(version, has_venv=True)
    with pytest.raises(BootstrapError, match="apt-get install python3-venv"):
        bootstrap.check_python(version, has_venv=False)


def test_too_little_disk_is_said_in_one_line() -> None:
    bootstrap.check_disk(6 * 1024**3)
    with pytest.raises(BootstrapError, match=r"Only 1\.0 GiB are free") as told:
        bootstrap.check_disk(1024**3)
    assert "\n" not in str(told.value)


def test_up_refuses_too_little_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(up.shutil, "disk_usage", lambda _: usage(10, 9, 1024**2))
    with pytest.raises(StepError, match="GiB are free"):
        up.check_disk(configuration.load())


def test_an_environment_is_built_again_only_when_its_locks_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    (tmp_path / "one.lock").write_text("a==1")
    (tmp_path / "more.lock").write_text("a==1\nb==1")
    larger = Environment(".venv", ["more.lock"], [])
    environment = Environment(".venv", ["one.lock"], [], larger=larger)
    assert not environment.is_current()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    environment.stamp.write_text(json.dumps(environment.wanted()))
    assert environment.is_current()
    assert not larger.is_current()
    (tmp_path / "one.lock").write_text("a==2")
    assert not environment.is_current()
    environment.stamp.write_text(json.dumps(larger.wanted()))
    assert environment.is_current()


def test_lock_files_are_hashed_and_name_no_index() -> None:
    locks = sorted(configuration.REPOSITORY.glob("requirements*.lock"))
    assert [path.name for path in locks] == [
        "requirements-dev.lock", "requirements-superset.lock", "requirements-uv.lock", "requirements.lock",
    ]  # fmt: skip
    for path in locks:
        entries = path.read_text().replace("\\\n", " ").splitlines()
        pinned = [line for line in entries if "==" in line]
        assert pinned
        assert all("--hash=sha256:" in line for line in pinned), path.name
        assert "://" not in path.read_text(), path.name


def test_secrets_are_made_once_kept_private_and_taken_from_the_environment_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = configuration.load()
    assert set(first.secrets) == set(configuration.SECRETS)
    assert len(set(first.secrets.values())) == len(first.secrets)
    assert stat.S_IMODE((home / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) & 0o066 == 0
    assert configuration.load().secrets == first.secrets
    monkeypatch.setenv("NENGDUAN_BI_PASSWORD", "from outside/@")
    assert configuration.load().url("bi").split("@")[0].endswith(":from%20outside%2F%40")
    assert "from outside" not in repr(configuration.load())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NENGDUAN_AIRFLOW_PORT", "eighty"),
        ("NENGDUAN_SUPERSET_PORT", "70000"),
        ("NENGDUAN_DATABASE_URL", "mysql://x/y"),
        ("NENGDUAN_RETENTION_MONTHS", "three"),
        ("NENGDUAN_RETENTION_MONTHS", "0"),
        ("NENGDUAN_RETENTION_ACTION", "shred"),
    ],
)
def test_a_bad_setting_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        configuration.load()


def test_readings_are_kept_for_three_years_and_never_less_than_the_rule_says(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (configuration.load().retention_months, configuration.load().retention_action) == (36, "detach")
    monkeypatch.setenv("NENGDUAN_RETENTION_MONTHS", "6")
    monkeypatch.setenv("NENGDUAN_RETENTION_ACTION", "drop")
    assert (configuration.load().retention_months, configuration.load().retention_action) == (6, "drop")
    monkeypatch.setenv("NENGDUAN_RETENTION_MONTHS", "5")
    with pytest.raises(SettingsError, match=r"NENGDUAN_RETENTION_MONTHS is 5.*DB53/T 1026-2021.*6 months at least"):
        configuration.load()
    told = CliRunner().invoke(doctor.doctor)
    assert told.exit_code == 1
    assert "FAULT  NENGDUAN_RETENTION_MONTHS is 5" in told.output


def test_an_outside_server_replaces_the_bundled_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NENGDUAN_DATABASE_URL", "postgresql://boss:pw@db.example:6000/postgres")
    settings = configuration.load()
    assert not settings.is_bundled
    assert (settings.database_host, settings.database_port) == ("db.example", 6000)
    assert not cluster.stop(settings)


def test_postgresql_is_fitted_to_the_machine() -> None:
    small = cluster.configuration(2 * 1024**3, 2, 20 * 1024**3)
    large = cluster.configuration(64 * 1024**3, 16, 500 * 1024**3)
    assert small["shared_buffers"] == "409MB"
    assert large["shared_buffers"] == "8192MB"
    assert small["work_mem"] == "16MB"
    assert (small["max_parallel_workers_per_gather"], large["max_parallel_workers_per_gather"]) == ("1", "8")


def test_a_taken_service_port_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        monkeypatch.setenv("NENGDUAN_SUPERSET_PORT", str(port))
        settings = configuration.load()
        with pytest.raises(StepError, match=f"Port {port}, which superset needs") as told:
            services.check_ports(settings)
        assert "NENGDUAN_SUPERSET_PORT" in str(told.value)
        faults = [found.text for found in doctor.ports(settings) if found.state == "fault"]
    assert any(f"Port {port}, which superset needs, is taken by" in text for text in faults)


def test_doctor_says_what_does_not_run_and_what_to_do(home: Path) -> None:
    findings = list(doctor.examine(configuration.load()))
    faults = [found for found in findings if found.state == "fault"]
    assert any("PostgreSQL" in found.text and "not running" in found.text for found in faults)
    assert any("supervisor is not running" in found.text for found in faults)
    assert any("Airflow does not answer" in found.text for found in faults)
    assert all(found.cure for found in faults)


def test_the_supervisors_file_holds_no_secret(home: Path) -> None:
    settings = configuration.load()
    text = services._render(settings)
    assert not [name for name, value in settings.secrets.items() if value in text]
    assert text.count("[program:") == 6


def test_airflow_reads_its_passwords_from_a_private_file(home: Path) -> None:
    settings = configuration.load()
    processes.write_airflow_passwords(settings)
    path = settings.airflow_home / "passwords.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["admin"] == settings.secrets["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"]


def test_a_failed_step_names_itself_its_reason_its_cure_and_its_log(tmp_path: Path) -> None:
    progress, log = Progress(io.StringIO()), tmp_path / "step.log"

    def fail() -> None:
        with progress.step("Doing it"):
            run_logged(["sh", "-c", "echo the reason; exit 3"], log, "do this", environment={"PATH": "/bin:/usr/bin"})

    with pytest.raises(StepError) as told:
        fail()
    for part in ("Doing it", "the reason", "do this", str(log)):
        assert part in str(told.value)
