"""The command `nengduan`."""

from __future__ import annotations

import importlib
import sys

import click

from ingestion.settings import SERVICE_ROLES, WAREHOUSE_ROLES, SettingsError

COMMANDS = {
    "up": ("plugins.operations.up:up", "Start everything, with the sample plant; again = no-op."),
    "down": ("plugins.operations.services:down", "Stop everything, PostgreSQL included."),
    "logs": ("plugins.operations.logs:logs", "Show the services' logs."),
    "doctor": ("plugins.operations.doctor:doctor", "Say what is wrong with this installation."),
    "env": ("plugins.operations.environment:environment", "Print an .env file for docker-compose.yml."),
    "trace": ("plugins.workbench.trace.command:trace", "Walk a figure back to its readings and files."),
    "upkeep": ("plugins.operations.upkeep:upkeep", "Make months ahead, retire old ones, refresh statistics."),
    "load": ("plugins.operations.load:load", "Import a plant package and run the pipeline over it."),
    "rebuild": ("plugins.operations.rebuild:rebuild", "Compute the marts of some days, or of all, anew."),
    "correct": ("plugins.operations.correct:correct", "Correct readings; the old values stay readable."),
    "remind": ("plugins.metering.commands:remind", "Tell what falls due: calibrations, certificates."),
    "ledger": ("plugins.operations.ledger:ledger", "Show, export and import ledgers as workbooks."),
    "destination": ("plugins.province.commands:destination", "Add and list the platforms that sites upload to."),
    "upload": ("plugins.province.commands:upload", "Send to a platform what the marts hold."),
    "period": ("plugins.closing.commands:period", "Close and re-open months; see what changed since."),
    "sandbox": ("plugins.province.sandbox.command:sandbox", "Run a provincial platform here, to upload to."),
}
"""Commands that live in modules of their own, imported only when called (some imports take seconds)."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, COMMANDS[name][1] if name in COMMANDS else self.commands[name].get_short_help_str(80))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Nengduan: the energy end system of one plant or a group."""


@cli.command()
@click.option("--role", default="bi", show_default=True, type=click.Choice([*WAREHOUSE_ROLES, *SERVICE_ROLES]))
def dsn(role: str) -> None:
    """Print the warehouse's connection URL."""
    from plugins.operations.server import ensure_database

    settings = ensure_database(lambda text: click.echo(text, err=True))
    click.echo(settings.url(role, f"nengduan_{role}" if role in SERVICE_ROLES else None))


@cli.command()
def migrate() -> None:
    """Bring roles, databases, schemas and reference data up to date; start nothing else."""
    from plugins.operations.server import ensure_database

    ensure_database(click.echo, thoroughly=True)
    click.echo("The database is up to date.")


def main() -> None:
    """Entry point: a failure is one clear line (or a few); a traceback goes to a log."""
    from plugins.operations.cluster import ClusterError
    from plugins.operations.progress import StepError
    from plugins.operations.server import DatabaseError

    try:
        cli()
    except (SettingsError, ClusterError, DatabaseError, StepError) as error:
        click.echo(f"nengduan: {error}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  the last resort: nobody at a plant reads a traceback
        click.echo(f"nengduan: {type(error).__name__}: {str(error).strip() or 'no message'}", err=True)
        click.echo(f"  log: {_write_traceback()}", err=True)
        sys.exit(1)


def _write_traceback() -> str:
    """Append the traceback of the current exception to the platform's own log; the log's path."""
    import traceback

    from ingestion import settings

    path = settings.load().logs / "nengduan.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"$ nengduan {' '.join(sys.argv[1:])}\n{traceback.format_exc()}\n")
    return str(path)
