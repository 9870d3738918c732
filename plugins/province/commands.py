"""`nengduan destination` and `nengduan upload`: platforms, and sending to them by hand, by the code of the DAG."""

from __future__ import annotations

import getpass
import sys
import uuid
from datetime import UTC, date, datetime, timedelta

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}


class Option(click.ParamType[tuple[str, str]]):
    """key=value."""

    name = "key=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, is_given, content = str(value).partition("=")
        if not (is_given and name.strip()):
            self.fail(f"{value!r} 不是 key=value 的形式", param, ctx)
        return name.strip(), content.strip()


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD, the site's own."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} 不是 YYYY-MM-DD 形式的日期", param, ctx)


@click.group(context_settings=CONTEXT)
def destination() -> None:
    """Add, list, enable and disable the platforms that sites upload to."""
    _start()


@destination.command("add")
@click.argument("name")
@click.option("--site", required=True, help="Code of the site whose figures it gets.")
@click.option("--profile", required=True, help="How it is spoken to: nhjc04, yunnan, or a folder of profiles/.")
@click.option("--url", required=True, help="Its base address, https.")
@click.option("--allow-host", "hosts", multiple=True, help="HOST[:PORT] that it may send us to beside its own.")
@click.option("--allow-loopback-http", is_flag=True, help="Plain http to this machine: the sandbox platform.")
@click.option("--option", "options", multiple=True, type=Option(), help="A setting of the profile or the sender.")
def add(
    name: str,
    site: str,
    profile: str,
    url: str,
    hosts: tuple[str, ...],
    allow_loopback_http: bool,
    options: tuple[tuple[str, str], ...],
) -> None:
    """Add a platform, or give it new settings. Secrets: NENGDUAN_UPLOAD_<NAME>_PASSWORD and the like in the
    environment, or Airflow's connection nengduan_upload_<name>.
    """
    from ingestion import warehouse
    from plugins.province import destinations, profiles

    with _told_errors(), warehouse.connect("upload") as connection:
        is_new = destinations.add(
            connection, name=name, site=site, profile=profile, url=url, allowed_hosts=hosts,
            is_loopback_http_allowed=allow_loopback_http, options=dict(options), by=getpass.getuser(),
        )  # fmt: skip
        missing = profiles.load(profile).missing_secrets(destinations.read_secrets(name))
    click.echo(f"{'已添加' if is_new else '已更新'}上报目的地 {name}（{site}，{profile}，{url}）。")
    for secret in missing:
        click.echo(f"  还缺机密 {secret}：设环境变量 NENGDUAN_UPLOAD_{name.upper()}_{secret.upper()} 或 Airflow 连接。")


@destination.command("list")
def list_() -> None:
    """Every platform, with its backlog and its last run."""
    from ingestion import warehouse
    from plugins.province import destinations, outbox

    with warehouse.connect("upload") as connection:
        for one in destinations.known(connection):
            counts = outbox.count(connection, one.site_code, one.destination, datetime.now(UTC))
            state = "启用" if one.is_enabled else "停用"
            click.echo(
                f"{one.destination}  {one.site_code}  {one.profile}  {one.url}  {state}  "
                f"未上报 {counts.unsent}，已上报 {counts.acked}，失败 {counts.failed}"
            )


@destination.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let the DAG serve a platform again."""
    _set_enabled(name, is_enabled=True)


@destination.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Let the DAG leave a platform alone; its outbox and history stay."""
    _set_enabled(name, is_enabled=False)


def _set_enabled(name: str, *, is_enabled: bool) -> None:
    from ingestion import warehouse
    from plugins.province import destinations

    with _told_errors(), warehouse.connect("upload") as connection:
        destinations.enable(connection, name, is_enabled=is_enabled)
    click.echo(f"{name} 已{'启用' if is_enabled else '停用'}。")


@click.command(context_settings=CONTEXT)
@click.argument("name")
@click.option("--from", "first", type=Day(), help="First day; default: since the destination began.")
@click.option("--to", "last", type=Day(), help="Last day, included; default: today.")
@click.option("--item", "items", multiple=True, help="Only this data code; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent and what is missing, and send nothing.")
def upload(name: str, first: date | None, last: date | None, items: tuple[str, ...], dry_run: bool) -> None:
    """Send to a platform what the marts hold; exit 0 when nothing is left to send."""
    _start()
    if (first is None) != (last is None):
        raise click.UsageError("--from 与 --to 要么都给，要么都不给。")
    if first and last and last < first:
        raise click.UsageError(f"--to {last} 早于 --from {first}。")
    from plugins.province import preflight, sender

    after = last + timedelta(days=1) if last else None
    with _told_errors():
        if dry_run:
            for line in preflight.look(name, first, after, items or None, datetime.now(UTC)):
                click.echo(line)
            return
        report = sender.run(
            name,
            sender.Request("command", first, after, items or None),
            f"command-{uuid.uuid4()}",
            say=lambda text: click.echo(text, err=True),
        )
    for line in preflight.tell(report):
        click.echo(line)
    sys.exit(0 if report.is_finished and not report.is_cut_short else 1)


def _start() -> None:
    from plugins.operations.server import ensure_database

    ensure_database(lambda text: click.echo(text, err=True))


class _told_errors:  # noqa: N801 (used as a context manager)
    """What a person did wrong, or what can't be done now, is one line and exit code 2."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        from plugins.province.destinations import DestinationError
        from plugins.province.profiles import ProfileError
        from plugins.province.report import SenderError

        if isinstance(error, DestinationError | ProfileError | SenderError):
            click.echo(f"nengduan: {error}", err=True)
            sys.exit(2)
