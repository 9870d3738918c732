"""The database server as the platform wants it: running, with roles, databases, schemas, seeds.

Everything here may be done twice. What has been done is noted in the database itself
(``public.installation``), so that a warehouse copied from a template knows it too.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from filelock import FileLock
from psycopg import sql

from ingestion import settings as configuration
from ingestion.settings import SERVICE_ROLES, WAREHOUSE_ROLES, Settings
from plugins.operations import cluster
from plugins.operations.cluster import ClusterError

MIGRATIONS = Path("ingestion/migrations/versions")
SEEDS = Path("dbt_project/seeds")
OLDEST_SERVER = 160000  # server_version_num; PostgreSQL 18 is what the tests run on
INSTALLATION = "create table if not exists public.installation (item text primary key, checksum text not null)"

Say = Callable[[str], None]


class DatabaseError(RuntimeError):
    """The database cannot be made ready; the message says why and what to do."""


def ensure_database(say: Say = lambda _: None, *, thoroughly: bool = False) -> Settings:
    """Make the server ready for everybody; a second's work at most when it already is.

    ``thoroughly`` also sets the roles' passwords and rights anew, as `nengduan up` does.
    """
    settings = configuration.load()
    if not thoroughly and is_current(settings):
        return settings
    with FileLock(settings.home / "database.lock", mode=0o600):
        if settings.is_bundled:
            if not settings.pgdata.exists():
                say("making a PostgreSQL cluster")
            cluster.start(settings)
        if thoroughly or not is_current(settings):
            prepare(settings, say)
    return settings


def is_current(settings: Settings) -> bool:
    """Whether the warehouse answers and stands at this version's migrations and seeds."""
    try:
        # As transform: a container that runs tasks is given the owner's password no more than needed.
        with psycopg.connect(settings.url("transform"), connect_timeout=3) as connection:
            done = _installed(connection)
    except psycopg.OperationalError:
        return False
    return _wanted(settings).items() <= done.items()


def prepare(settings: Settings, say: Say = lambda _: None) -> None:
    """Roles, databases, migrations and seeds, on a server that runs."""
    if settings.admin_url is not None:
        with connect_admin(settings) as connection:
            _check_version(connection)
            make_roles(connection, settings)
            for role in SERVICE_ROLES:
                make_database(connection, f"nengduan_{role}", f"nengduan_{role}")
            make_warehouse(connection, settings.warehouse_database)
    try:
        with connect_owner(settings) as connection:
            connection.execute(INSTALLATION)
            connection.execute("grant select on public.installation to nengduan_transform")
            done = _installed(connection)
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"The warehouse at {settings.database_host}:{settings.database_port} does not let "
            f"nengduan_owner in: {first_line(error)}. "
            "Give an administrator's NENGDUAN_DATABASE_URL so that it can be made."
        ) from error
    wanted = _wanted(settings)
    if done.get("migrations") != wanted["migrations"]:
        say("migrating the warehouse")
        migrate(settings)
        note(settings, "migrations", wanted["migrations"])
    if done.get("seeds") != wanted["seeds"]:
        say("loading reference data")
        seed(settings)
        note(settings, "seeds", wanted["seeds"])


def make_roles(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Login roles with the generated passwords; least rights come from the migrations' grants."""
    row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    is_superuser = bool(row and row[0])
    existing = {row[0] for row in connection.execute("select rolname from pg_roles")}
    for role in (*WAREHOUSE_ROLES, *SERVICE_ROLES):
        name = f"nengduan_{role}"
        identifier, password = sql.Identifier(name), sql.Literal(settings.password(role))
        verb = "alter" if name in existing else "create"
        statement = f"{verb} role {{}} login nocreatedb nocreaterole password {{}}"
        connection.execute(_sql(statement).format(identifier, password))
        connection.execute(_sql("alter role {} set timezone to 'UTC'").format(identifier))
        if not is_superuser:  # an administrator without superuser acts for a role only as its member
            connection.execute(_sql("grant {} to current_user").format(identifier))
    # The owner hands schemas over to transform, which takes membership.
    connection.execute("grant nengduan_transform to nengduan_owner")


def make_warehouse(connection: psycopg.Connection[Any], name: str, template: str | None = None) -> None:
    """Make a warehouse database, empty or as a copy, with its rights (which a copy does not bring)."""
    make_database(connection, name, "nengduan_owner", template)
    database = sql.Identifier(name)
    connection.execute(_sql("grant temporary on database {} to nengduan_ingest, nengduan_transform").format(database))
    connection.execute(_sql("grant create on database {} to nengduan_transform").format(database))
    roles = sql.SQL(", ").join(sql.Identifier(f"nengduan_{role}") for role in WAREHOUSE_ROLES)
    connection.execute(_sql("grant connect on database {} to {}").format(database, roles))


def drop_warehouse(connection: psycopg.Connection[Any], name: str) -> None:
    connection.execute(_sql("drop database if exists {} with (force)").format(sql.Identifier(name)))


def migrate(settings: Settings) -> None:
    """alembic upgrade head, as the owner."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(settings.repository / MIGRATIONS.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = settings.url("owner")
    command.upgrade(config, "head")


def seed(settings: Settings) -> None:
    """dbt seed; tables whose columns have changed are made anew."""
    for options in ([], ["--full-refresh"]):
        result = subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "--quiet", "--no-use-colors", "seed", *options],
            cwd=settings.dbt_project,
            env=settings.dbt_environment(),
            capture_output=True,
            text=True,
        )
        if result.returncode == 0:
            return
    raise DatabaseError(
        f"`dbt seed` fails:\n{(result.stdout + result.stderr).strip()[-2000:]}\n"
        f"Its log: {settings.home / 'dbt' / 'logs' / 'dbt.log'}"
    )


@contextmanager
def connect_admin(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the server's administrator, in autocommit (databases are made outside transactions)."""
    try:
        connection = psycopg.connect(settings.admin_url or "", autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        where = f"{settings.database_host}:{settings.database_port}"
        if not settings.is_bundled:
            cure = "Check NENGDUAN_DATABASE_URL."
        elif "password authentication" in str(error):
            cure = (
                f"The passwords in {settings.home / 'secrets.env'} are not those of {settings.pgdata}: "
                "put the old file back, or move the data away and start again."
            )
        else:
            cure = "See `nengduan logs postgresql`."
        raise DatabaseError(f"PostgreSQL at {where} does not let us in: {first_line(error)}. {cure}") from error
    with connection:
        yield connection


def connect_owner(settings: Settings, **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(settings.url("owner"), **{"connect_timeout": 10, **options})


def make_database(connection: psycopg.Connection[Any], name: str, owner: str, template: str | None = None) -> None:
    """A database that nobody but its owner enters; one that is there stays as it is."""
    if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
        connection.execute(
            _sql("create database {} owner {} template {}").format(
                sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template or "template0")
            )
        )
    connection.execute(_sql("revoke all on database {} from public").format(sql.Identifier(name)))


def _check_version(connection: psycopg.Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseError(
            f"The server is PostgreSQL {connection.info.parameter_status('server_version')}; "
            f"{OLDEST_SERVER // 10000} or newer is needed."
        )


def _wanted(settings: Settings) -> dict[str, str]:
    """Checksums of what an up-to-date warehouse was built from."""
    root = settings.repository
    seed_files = [path for path in (root / SEEDS).rglob("*") if path.suffix in (".csv", ".yml", ".yaml")]
    return {
        "migrations": _checksum((root / MIGRATIONS).glob("*.[ps][yq]*")),
        "seeds": _checksum([*seed_files, root / "dbt_project" / "dbt_project.yml"]),
    }


def _checksum(paths: Any) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def installed(settings: Settings, role: str = "owner") -> dict[str, str]:
    """What has been noted as done: in the warehouse, or (by a service's role) in that service's database."""
    with psycopg.connect(_noted_in(settings, role), connect_timeout=10) as connection:
        return _installed(connection)


def note(settings: Settings, item: str, checksum: str, role: str = "owner") -> None:
    """Note something as done, in the database that it was done to."""
    with psycopg.connect(_noted_in(settings, role), connect_timeout=10) as connection:
        connection.execute(INSTALLATION)
        connection.execute(
            "insert into public.installation values (%s, %s) "
            "on conflict (item) do update set checksum = excluded.checksum",
            (item, checksum),
        )


def _noted_in(settings: Settings, role: str) -> str:
    return settings.url(role, f"nengduan_{role}" if role in SERVICE_ROLES else None)


def _installed(connection: psycopg.Connection[Any]) -> dict[str, str]:
    try:
        return dict(connection.execute("select item, checksum from public.installation").fetchall())
    except psycopg.errors.UndefinedTable:
        connection.rollback()
        return {}


def _sql(statement: str) -> sql.SQL:
    return sql.SQL(statement)


def first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].strip() if str(error).strip() else type(error).__name__


__all__ = ["ClusterError", "DatabaseError", "ensure_database", "prepare"]
