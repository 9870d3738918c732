"""`nengduan env`: the .env of docker-compose.yml, with fresh passwords and keys.

`.env.example` is the same file with empty values (`nengduan env --empty`); a test holds the
two and docker-compose.yml together.
"""

from __future__ import annotations

import secrets
import textwrap

import click

from ingestion.settings import SECRETS

OPTIONS = {
    "NENGDUAN_BIND_ADDRESS": "Address on this host where Airflow and Superset answer. Empty: 127.0.0.1, for "
    "a reverse proxy with TLS in front.",
    "NENGDUAN_AIRFLOW_PORT": "Empty: 8080.",
    "NENGDUAN_SUPERSET_PORT": "Empty: 8088.",
    "NENGDUAN_AIRFLOW_BASE_URL": "Where browsers reach Airflow. Empty: http://localhost:8080.",
    "NENGDUAN_SUPERSET_HTTPS": "1 when a proxy with TLS stands in front of Superset: cookies then travel by "
    "HTTPS only.",
    "NENGDUAN_DROP_FOLDER": "Folder on this host, an absolute path, writable by user id 50000, whose new "
    "files are imported. Empty: the volume `drop`.",
    "NENGDUAN_RETENTION_MONTHS": "Whole months of readings kept, 6 at least; figures are kept for ever. Empty: 36.",
    "NENGDUAN_RETENTION_ACTION": "What becomes of a month of readings after that: detach (it moves to schema "
    "`archive`) or drop. Empty: detach.",
    "NENGDUAN_REMINDER_EMAILS": "Addresses that are mailed what falls due in metering management, separated by "
    "commas; needs Airflow's connection smtp_default. Empty: nobody.",
    "NENGDUAN_POSTGRES_SHARED_BUFFERS": "PostgreSQL's own cache, about a fifth of the memory. Empty: 1GB.",
    "NENGDUAN_AIRFLOW_PARALLELISM": "Tasks at once: of the installation, and of each worker. Empty: 8.",
    "NENGDUAN_AIRFLOW_EXECUTOR": "Empty: LocalExecutor, tasks run beside the scheduler. CeleryExecutor: on "
    "workers; needs COMPOSE_PROFILES=scale.",
    "COMPOSE_PROFILES": "Empty, or scale: adds Redis and the Celery workers.",
}
"""Settings of the compose file that may stay empty: name and comment."""

COMPOSE_SECRETS = (*SECRETS, "NENGDUAN_REDIS_PASSWORD")
"""Settings of the compose file that must have a value."""


def render(is_empty: bool = False) -> str:
    """The text of the .env file; every secret is made anew unless ``is_empty``."""
    lines = [
        "# Settings of docker-compose.yml. Make this file with",
        "#   docker run --rm nengduan:0.1.0 nengduan env > .env && chmod 600 .env",
        "# keep it, and never commit it.",
    ]
    for name, comment in OPTIONS.items():
        lines += ["", *(f"# {line}" for line in textwrap.wrap(comment, 96)), f"{name}="]
    lines += ["", "# Passwords and keys: none has a default, each is required."]
    for name in COMPOSE_SECRETS:
        value = "" if is_empty else SECRETS.get(name, lambda: secrets.token_urlsafe(18))()
        lines.append(f"{name}={value}")
    return "\n".join(lines) + "\n"


@click.command("env")
@click.option("--empty", "is_empty", is_flag=True, help="Names only, as in .env.example.")
def environment(is_empty: bool) -> None:
    """Print an .env file for docker-compose.yml, with new passwords and keys."""
    click.echo(render(is_empty), nl=False)
