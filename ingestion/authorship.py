"""Who brings something to the warehouse, and why: told to the session, recorded by the warehouse itself.

``ops.batches`` and ``ledger.changes`` read the settings ``nengduan.actor`` and ``nengduan.reason``, so that
no path past them is anonymous: a session that tells nothing is recorded under its login.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Author:
    """A person or a DAG run; ``reason`` is in their own words, None when they gave none."""

    name: str
    reason: str | None = None


def operator(reason: str | None = None) -> Author:
    """Who this process runs as: at a command line, the person who typed it."""
    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:  # a container may run under a number that has no name
        name = f"uid {user}"
    return Author(name, (reason or "").strip() or None)


@contextmanager
def signed(connection: Connection, author: Author | None) -> Iterator[None]:
    """Everything written over ``connection`` meanwhile is the author's; needs autocommit, to hold across batches."""
    _tell(connection, author.name if author else "", (author.reason if author else None) or "")
    try:
        yield
    finally:
        if not connection.closed:
            _tell(connection, "", "")


def sign(connection: Connection, author: Author) -> None:
    """The rest of this transaction is the author's."""
    connection.execute(
        "select set_config('nengduan.actor', %s, true), set_config('nengduan.reason', %s, true)",
        [author.name, author.reason or ""],
    )


def name_batch(connection: Connection, batch_id: int) -> None:
    """Say which batch the ledger rows of the rest of this transaction come with."""
    connection.execute("select set_config('nengduan.batch', %s, true)", [str(batch_id)])


def _tell(connection: Connection, name: str, reason: str) -> None:
    connection.execute(
        "select set_config('nengduan.actor', %s, false), set_config('nengduan.reason', %s, false)", [name, reason]
    )
