"""`nengduan sandbox`: the bundled platform alone, for trying an upload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8899, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Keep what comes in this SQLite file.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="Such as is_encrypted=true; repeatable.")
@click.option("--misbehave", multiple=True, metavar="DEED[,NAME=VALUE]…", help="Such as close,is_stored=yes,times=3.")
@click.option("--seed", default=0, show_default=True, help="Of faults with a probability.")
@click.option("--tls-cert", type=FILE, help="Speak TLS with this certificate …")
@click.option("--tls-key", type=FILE, help="… and its key.")
@click.option("--client-ca", type=FILE, help="Ask clients for a certificate of this authority.")
def sandbox(
    host: str,
    port: int,
    store: Path | None,
    options: tuple[str, ...],
    misbehave: tuple[str, ...],
    seed: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
) -> None:
    """Run a strict provincial platform on this machine: nhjc04 below /nhjc04, yunnan below /YNEnergy.

    What it holds is shown at /sandbox/store, what came at /sandbox/log, and it is steered at /sandbox/control, all
    three from this machine only.
    """
    from plugins.province.sandbox.misbehaviour import read_fault
    from plugins.province.sandbox.options import Options
    from plugins.province.sandbox.platform import Platform
    from plugins.province.sandbox.server import SandboxError, listen, make_server

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    try:
        platform = Platform(Options().changed(_pairs(options)), store)
        platform.misbehaviour.seed(seed)
        for text in misbehave:
            deed, *rest = text.split(",")
            platform.misbehaviour.add(read_fault({"deed": deed} | dict(_pair(part) for part in rest)))
        bound = listen(host, port)
    except (ValueError, SandboxError) as error:
        raise click.ClickException(str(error)) from None
    server = make_server(platform, certificate=tls_cert, key=tls_key, client_authority=client_ca)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"{'http' if tls_cert is None else 'https'}://{shown}:{bound.getsockname()[1]}")
    click.echo("沙箱平台已启动，Ctrl+C 结束。", err=True)
    try:
        server.run(sockets=[bound])
    except KeyboardInterrupt:
        pass
    finally:
        platform.store.close()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name.strip(), value.strip()


def _pairs(texts: tuple[str, ...]) -> dict[str, Any]:
    words: dict[str, Any] = {"true": True, "yes": True, "false": False, "no": False}
    pairs = dict(_pair(text) for text in texts)
    return {name: int(value) if value.isdigit() else words.get(value, value) for name, value in pairs.items()}
