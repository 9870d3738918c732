"""`nengduan logs`: the services' logs, the last lines or as they come."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from ingestion import settings as configuration


@click.command()
@click.argument("names", nargs=-1)
@click.option("--follow", "-f", is_flag=True, help="Go on showing new lines until interrupted.")
@click.option("--lines", "-n", default=20, show_default=True, help="Last lines of each log.")
def logs(names: tuple[str, ...], follow: bool, lines: int) -> None:
    """Show the logs of all services, or of those named (superset, airflow-scheduler, postgresql …)."""
    folder = configuration.load().logs
    known = {path.stem: path for path in sorted(folder.glob("*.log")) if path.exists()}
    if unknown := [name for name in names if name not in known]:
        listed = ", ".join(known) or "none yet"
        raise click.ClickException(f"There is no log of {', '.join(unknown)}. Logs: {listed}. Folder: {folder}")
    chosen = [known[name] for name in names] or list(known.values())
    if not chosen:
        raise click.ClickException(f"There are no logs in {folder} yet. Start with `make up`.")
    if follow:
        subprocess.run(["tail", "-n", str(lines), "-F", *map(str, chosen)])
        return
    for path in chosen:
        click.secho(f"==> {path.name} ({path})", bold=True)
        for line in last_lines(path, lines):
            click.echo(line)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, read from its end: logs may be large."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 400 * count - 4096))
        text = file.read().decode("utf-8", errors="replace")
    return text.splitlines()[-count:]
