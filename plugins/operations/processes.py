"""The process environments that make Airflow and Superset ours.

Everything they need to know is passed this way, so that no configuration file holds a secret.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ingestion.settings import Settings, SettingsError

AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
AIRFLOW_USERS = ("admin", "viewer")
LOG_PORT_OFFSET = 713
"""Airflow's two log servers listen beside its own port: 8080 → 8793 (tasks) and 8794 (triggers)."""


def programs(name: str) -> Path:
    """A program of the main environment, the one this process runs in."""
    return Path(sys.executable).with_name(name)


def superset_programs(settings: Settings, name: str) -> Path:
    """A program of Superset's own environment (stack: it needs an older SQLAlchemy)."""
    environment = os.environ.get("NENGDUAN_SUPERSET_VENV") or str(settings.repository / ".venv-superset")
    path = Path(environment) / "bin" / name
    if not path.exists():
        raise SettingsError(
            f"Superset's environment {environment} is missing or incomplete. Run `make up`, which builds it."
        )
    return path


def log_ports(settings: Settings) -> tuple[int, int]:
    return settings.airflow_port + LOG_PORT_OFFSET, settings.airflow_port + LOG_PORT_OFFSET + 1


def base() -> dict[str, str]:
    """What every service shares: our variables, no analytics, no stray Python settings."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not name.startswith(("AIRFLOW_", "SUPERSET_"))
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
    }


def airflow(settings: Settings) -> dict[str, str]:
    """The environment of every Airflow process of `nengduan up`."""
    port = settings.airflow_port
    task_log_port, trigger_log_port = log_ports(settings)
    parallelism = max(4, 2 * (os.cpu_count() or 1))
    database = settings.url("airflow", "nengduan_airflow").removeprefix("postgresql://")
    passwords = settings.airflow_home / "passwords.json"
    options = {
        "CORE__DAGS_FOLDER": settings.repository / "dags",
        "CORE__PLUGINS_FOLDER": settings.repository / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": parallelism,
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": parallelism,
        "CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "CORE__FERNET_KEY": settings.secrets["NENGDUAN_AIRFLOW_FERNET_KEY"],
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__AUTH_MANAGER": AUTH_MANAGER,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{name}" for name in AIRFLOW_USERS),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": 1,
        "API__SECRET_KEY": settings.secrets["NENGDUAN_AIRFLOW_SECRET_KEY"],
        "API__EXPOSE_CONFIG": False,
        "API_AUTH__JWT_SECRET": settings.secrets["NENGDUAN_AIRFLOW_JWT_SECRET"],
        "LOGGING__BASE_LOG_FOLDER": settings.airflow_home / "logs",
        "LOGGING__WORKER_LOG_SERVER_PORT": task_log_port,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": trigger_log_port,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 60,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 1,
    }
    return base() | {
        "AIRFLOW_HOME": str(settings.airflow_home),
        **{f"AIRFLOW__{name}": str(value) for name, value in options.items()},
    }


def write_airflow_passwords(settings: Settings) -> None:
    """The generated passwords where Airflow's simple auth manager reads them (0600)."""
    path = settings.airflow_home / "passwords.json"
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(
        json.dumps({name: settings.secrets[f"NENGDUAN_AIRFLOW_{name.upper()}_PASSWORD"] for name in AIRFLOW_USERS})
    )


def superset(settings: Settings) -> dict[str, str]:
    """The environment of every Superset process; dashboards/superset_config.py reads it."""
    database = settings.url("superset", "nengduan_superset").removeprefix("postgresql://")
    return base() | {
        "SUPERSET_HOME": str(settings.superset_home),
        "SUPERSET_CONFIG_PATH": str(settings.repository / "dashboards" / "superset_config.py"),
        "FLASK_APP": "superset.app:create_app()",
        "NENGDUAN_SUPERSET_DATABASE_URL": f"postgresql+psycopg2://{database}",
        "NENGDUAN_SUPERSET_CACHE": str(settings.superset_home / "cache"),
        **{
            name: settings.secrets[name]
            for name in (
                "NENGDUAN_SUPERSET_SECRET_KEY",
                "NENGDUAN_SUPERSET_GUEST_SECRET",
                "NENGDUAN_SUPERSET_ADMIN_PASSWORD",
            )
        },
    }
