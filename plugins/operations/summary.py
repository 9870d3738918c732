"""What `nengduan up` says at its end: the plant's year, and how to get in."""

from __future__ import annotations

import click
import psycopg

from ingestion.settings import Settings
from plugins.operations.progress import Progress

YEAR_OF_ENERGY = """
select distinct on (composition.site_code, composition.energy_code)
    composition.site_code, energies.name, energies.unit, composition.consumption_quantity,
    composition.consumption_tce_equivalent
from marts.performance_by_type as composition
"""


def print_plant(settings: Settings, progress: Progress) -> None:
    """Placeholder replaced below."""
    with psycopg.connect(settings.url("bi")) as connection:
        del connection
    progress.line("")


def print_access(settings: Settings, progress: Progress) -> None:
    """Addresses, users and generated passwords."""
    rows = [
        ("Airflow", settings.airflow_url, "admin", settings.secrets["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"]),
        ("", "", "viewer", settings.secrets["NENGDUAN_AIRFLOW_VIEWER_PASSWORD"]),
        ("Superset", settings.superset_url, "admin", settings.secrets["NENGDUAN_SUPERSET_ADMIN_PASSWORD"]),
        ("", "", "viewer", settings.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"]),
    ]
    progress.line("All is running.")
    for name, url, user, password in rows:
        click.echo(f"  {name:10}{url:28}{user:8}{password}")
    click.echo(f"  {'Warehouse':10}nengduan dsn                (read-only; --role for another)")
    click.echo(f"  {'Drop folder':12}{settings.drop_folder}")
    click.echo(f"  Passwords are kept in {settings.home / 'secrets.env'}")
