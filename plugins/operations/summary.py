"""What `nengduan up` says at its end: the plant's year, and how to get in."""

from __future__ import annotations

import click
import psycopg

from ingestion.settings import Settings
from plugins.operations.progress import Progress

YEAR_OF_ENERGY = """
select
    sites.name as site, energies.name, energies.unit, sum(figures.quantity) as quantity,
    sum(figures.tce_equivalent) as tce, min(figures.period_start)::date as first_date,
    max(figures.period_start)::date as last_date
from marts.performance_by_type as figures
inner join marts.dim_sites as sites on figures.site_code = sites.site_code
inner join marts.dim_energies as energies
    on figures.site_code = energies.site_code and figures.energy_code = energies.energy_code
where
    figures.period_type = 'day'
    and figures.period_start > (
        select max(period_start) - interval '1 year' from marts.performance_by_type where period_type = 'day'
    )
group by sites.name, energies.name, energies.unit
order by sites.name, sum(figures.tce_equivalent) desc nulls last
"""
"""What each plant took in over the last twelve months for which there are figures."""


def print_plant(settings: Settings, progress: Progress) -> None:
    """The last twelve months of every plant: quantities and standard coal by energy."""
    with psycopg.connect(settings.url("bi")) as connection:
        rows = connection.execute(YEAR_OF_ENERGY).fetchall()
    site = None
    for row in rows:
        if row[0] != site:
            site = row[0]
            progress.line(f"{site}: taken in from {row[5]} to {row[6]}")
        tce = "—" if row[4] is None else f"{row[4]:,.2f} tce"
        quantity = "—" if row[3] is None else f"{row[3]:,.2f}"
        click.echo(f"  {quantity:>20} {row[2]:8}{tce:>16}  {row[1]}")
    if not rows:
        progress.line("No plant has figures yet; `nengduan load` or the drop folder brings them.")


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
