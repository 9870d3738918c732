"""`nengduan remind`: what the DAG remind_calibration does every morning, at the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be told, and write nothing.")
def remind(dry_run: bool) -> None:
    """Make the messages of calibrations and certificates that fall due, and events of what inspections found."""
    from plugins.metering import reminders
    from plugins.operations.server import ensure_database

    ensure_database(lambda text: click.echo(text, err=True))
    now = datetime.now(UTC)
    made = reminders.remind(now, dry_run=dry_run)
    for one in made:
        click.echo(f"{one.site_code} {one.title}：{one.message}")
    findings = [] if dry_run else reminders.raise_findings(now)
    for message in findings:
        click.echo(message)
    if not (made or findings):
        click.echo("没有新的提醒。")
