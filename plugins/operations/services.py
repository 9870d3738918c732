"""The services of `make up` under supervisord: which there are, starting and stopping them.

supervisord restarts what dies and keeps the logs. If it is itself killed, its children live on
without it; they are known by the folder they work in, and ended before a new start.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import tempfile
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click
import psutil

from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import cluster, processes
from plugins.operations.progress import Progress, Say, StepError

STOP_SECONDS = 30
LONGEST_SOCKET_PATH = 100  # the kernel's limit is 107


@dataclass(frozen=True)
class Service:
    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...]


def services(settings: Settings) -> dict[str, Service]:
    """All services by name, with the ports each listens on."""
    airflow = str(processes.programs("airflow"))
    gunicorn = str(processes.superset_programs(settings, "gunicorn"))
    task_log_port, trigger_log_port = processes.log_ports(settings)
    listen = f"127.0.0.1:{settings.superset_port}"
    listed = (
        Service("airflow-api-server", (airflow, "api-server"), (settings.airflow_port,)),
        Service("airflow-scheduler", (airflow, "scheduler"), (task_log_port,)),
        Service("airflow-dag-processor", (airflow, "dag-processor"), ()),
        Service("airflow-triggerer", (airflow, "triggerer"), (trigger_log_port,)),
        Service(
            "superset",
            (
                gunicorn, "--bind", listen, "--workers", "2", "--worker-class", "gthread", "--threads", "8",
                "--timeout", "180", "--access-logfile", "-", "superset.app:create_app()",
            ),
            (settings.superset_port,),
        ),
        Service(
            "sandbox",
            (
                str(processes.programs("nengduan")), "sandbox", "--port", str(settings.sandbox_port),
                "--store", str(settings.home / "sandbox.sqlite"),
            ),
            (settings.sandbox_port,),
        ),
    )  # fmt: skip
    return {service.name: service for service in listed}


def check_ports(settings: Settings) -> None:
    """Refuse to start where another program sits on one of our ports."""
    for service in services(settings).values():
        for port in service.ports:
            if listens(port):
                variable = {"superset": "SUPERSET", "sandbox": "SANDBOX"}.get(service.name, "AIRFLOW")
                raise StepError(
                    f"Port {port}, which {service.name} needs, is taken by {cluster.port_owner(port)}.",
                    f"Stop that program or set NENGDUAN_{variable}_PORT to a free port.",
                )


def listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ensure_supervisor(settings: Settings) -> Any:
    """A running supervisord of this version of the code, as its RPC interface; starts no service."""
    text = _render(settings)
    environment = processes.superset(settings) | processes.airflow(settings)
    digest = _digest(settings, text, environment)
    stamp = settings.home / "supervisor.digest"
    supervisor = reach(settings)
    if supervisor is not None:
        if stamp.exists() and stamp.read_text() == digest:
            return supervisor
        stop_services(settings)
    end_leftovers(settings)
    check_ports(settings)
    _run_folder(settings).mkdir(mode=0o700, exist_ok=True)
    path = settings.home / "supervisor.conf"
    path.write_text(text, encoding="utf-8")
    processes.write_airflow_passwords(settings)
    result = subprocess.run(
        [str(processes.programs("supervisord")), "--configuration", str(path)],
        env=environment | {"NENGDUAN_HOME": str(settings.home)},
        cwd=_run_folder(settings),
        capture_output=True,
        text=True,
    )
    deadline = time.monotonic() + 20
    while result.returncode == 0 and (supervisor := reach(settings)) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    if supervisor is None:
        raise StepError(
            f"supervisord does not start: {(result.stderr or result.stdout).strip()[-500:]}",
            "Read its log; `make down`, then `make up` again.",
            settings.logs / "supervisord.log",
        )
    stamp.write_text(digest)
    return supervisor


def reach(settings: Settings) -> Any | None:
    """The RPC interface of the running supervisord; None when there is none."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport("", "", f"unix://{_socket(settings)}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    try:
        proxy.supervisor.getState()
    except (OSError, xmlrpc.client.Error):
        return None
    return proxy.supervisor


def start(supervisor: Any, names: list[str]) -> None:
    """Start those services of the list that do not run yet."""
    for name in names:
        state = cast("dict[str, Any]", supervisor.getProcessInfo(name))["statename"]
        if state not in ("RUNNING", "STARTING"):
            try:
                supervisor.startProcess(name, False)
            except xmlrpc.client.Fault as fault:
                raise StepError(f"{name} cannot be started: {fault.faultString}", "See its log.") from fault


def states(settings: Settings) -> dict[str, str]:
    """State of each service as supervisord names it; empty when supervisord is down."""
    supervisor = reach(settings)
    if supervisor is None:
        return {}
    return {info["name"]: info["statename"] for info in supervisor.getAllProcessInfo()}


def check_alive(settings: Settings, names: list[str]) -> None:
    """Raise as soon as one of the services has given up starting."""
    current = states(settings)
    for name in names:
        if current.get(name) not in ("RUNNING", "STARTING", "BACKOFF"):
            log = settings.logs / f"{name}.log"
            last = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
            raise StepError(
                f"{name} is {current.get(name, 'gone')}: " + "\n       ".join(last),
                f"Read its log (`nengduan logs {name}`), then `make up` again.",
                log,
            )


def stop_services(settings: Settings, say: Say = lambda _: None) -> bool:
    """Stop supervisord with all services, and whatever outlived an earlier one."""
    supervisor = reach(settings)
    if supervisor is not None:
        process = psutil.Process(int(supervisor.getPID()))
        supervisor.stopAllProcesses(False)  # all at once; shutdown() alone would stop one after the other
        deadline = time.monotonic() + STOP_SECONDS
        while (left := _unstopped(supervisor)) and time.monotonic() < deadline:
            say(f"waiting for {', '.join(left)}")
            time.sleep(0.2)
        supervisor.shutdown()
        try:
            process.wait(5)
        except psutil.TimeoutExpired:
            process.kill()
    return end_leftovers(settings) > 0 or supervisor is not None


def end_leftovers(settings: Settings) -> int:
    """End processes of this home that no supervisor keeps any more; their number."""
    found = leftovers(settings)
    for process in found:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(found, timeout=10)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=5)
    return len(found)


def leftovers(settings: Settings) -> list[psutil.Process]:
    """Processes that a supervisor of this home started, directly or not: those in its run folder.

    (Not by their environment: Airflow's processes write their titles over it.)
    """
    folder = str(_run_folder(settings).resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == folder and process.pid != os.getpid():
                found.append(process)
        except (psutil.Error, OSError):  # another user's, or just ended
            continue
    return found


@click.command()
def down() -> None:
    """Stop everything, PostgreSQL included."""
    settings = configuration.load()
    progress = Progress()
    with progress.step("Stopping the services") as say:
        were_running = stop_services(settings, say)
    with progress.step("Stopping PostgreSQL"):
        was_running = cluster.stop(settings)
    progress.line("All is stopped." if were_running or was_running else "Nothing was running.")


def _quietly(action: Any) -> None:
    try:
        action()
    except psutil.NoSuchProcess:
        return


def _unstopped(supervisor: Any) -> list[str]:
    states = supervisor.getAllProcessInfo()
    return [info["name"] for info in states if info["statename"] in ("RUNNING", "STARTING", "STOPPING")]


def _run_folder(settings: Settings) -> Path:
    """Where the services work, and nobody else: nothing is kept there."""
    return settings.home / "run"


def _socket(settings: Settings) -> Path:
    path = settings.home / "supervisor.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    key = hashlib.sha256(str(settings.home).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"nengduan-{os.geteuid()}-{key}.sock"


def _digest(settings: Settings, text: str, environment: dict[str, str]) -> str:
    """Changes when the services must start anew: their commands, our variables, or our code."""
    digest = hashlib.sha256(text.encode())
    for name, value in sorted(environment.items()):
        if name.startswith(("AIRFLOW_", "SUPERSET_", "NENGDUAN_")):
            digest.update(f"{name}={value}\n".encode())
    for folder in ("ingestion", "quality", "plugins", "dashboards"):
        for path in sorted((settings.repository / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _render(settings: Settings) -> str:
    """supervisord's configuration. No secret in it: the services inherit supervisord's environment."""

    def quoted(text: object) -> str:
        return str(text).replace("%", "%%")

    blocks = [
        "[unix_http_server]",
        f"file = {quoted(_socket(settings))}",
        "chmod = 0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"logfile = {quoted(settings.logs / 'supervisord.log')}",
        "logfile_maxbytes = 10MB",
        "logfile_backups = 2",
        f"pidfile = {quoted(settings.home / 'supervisord.pid')}",
        f"directory = {quoted(_run_folder(settings))}",
        "minfds = 1024",
        *(["user = root"] if os.geteuid() == 0 else []),
    ]
    for service in services(settings).values():
        command = " ".join(f'"{part}"' if " " in part else part for part in service.command)
        blocks += [
            f"[program:{service.name}]",
            f"command = {quoted(command)}",
            "autostart = false",
            "autorestart = true",
            "startsecs = 5",
            "startretries = 3",
            "stopasgroup = true",
            "killasgroup = true",
            "stopwaitsecs = 10",
            "redirect_stderr = true",
            f"stdout_logfile = {quoted(settings.logs / f'{service.name}.log')}",
            "stdout_logfile_maxbytes = 20MB",
            "stdout_logfile_backups = 2",
        ]
    return "\n".join(blocks) + "\n"
