"""What was looked at and how it stands: the words of `nengduan doctor` and `nengduan upkeep`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: fine, worth knowing, or wrong."""

    state: str
    """ok, note or fault."""
    text: str
    cure: str = ""


def ok(text: str) -> Finding:
    return Finding("ok", text)


def note(text: str, cure: str = "") -> Finding:
    return Finding("note", text, cure)


def fault(text: str, cure: str) -> Finding:
    return Finding("fault", text, cure)


MARKS: dict[str, Callable[[str], str]] = {
    "ok": lambda text: f"ok     {text}",
    "note": lambda text: click.style(f"note   {text}", fg="yellow"),
    "fault": lambda text: click.style(f"FAULT  {text}", fg="red"),
}


def show(finding: Finding) -> None:
    """Print a finding and its cure."""
    click.echo(MARKS[finding.state](finding.text))
    if finding.cure:
        click.echo(f"       → {finding.cure}")
