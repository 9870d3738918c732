"""What a platform has told us, kept between runs; keys and tokens are encrypted with a key of the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg
from cryptography.fernet import Fernet, InvalidToken
from psycopg.types.json import Jsonb

from ingestion import settings

OTHERS = "others"
"""In the details of a dictionary's code: what else the platform has called it."""


def load(connection: psycopg.Connection[Any], site: str, destination: str) -> tuple[dict[str, Any], dict[str, str]]:
    """State and sealed secrets of a destination; secrets sealed with another key are forgotten, not an error.

    The platform gives them again at the next registration.
    """
    row = connection.execute(
        "select state, sealed from ops.upload_states where site_code = %s and destination = %s", [site, destination]
    ).fetchone()
    if row is None:
        return {}, {}
    try:
        sealed = json.loads(_fernet().decrypt(bytes(row[1]))) if row[1] else {}
    except InvalidToken:
        sealed = {}
    return row[0], sealed


def save(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    state: Mapping[str, Any],
    sealed: Mapping[str, str],
    now: datetime,
) -> None:
    """Keep both; the caller's connection decides when it counts."""
    token = _fernet().encrypt(json.dumps(dict(sealed)).encode()) if sealed else None
    connection.execute(
        """insert into ops.upload_states (site_code, destination, state, sealed, changed_at) values (%s, %s, %s, %s, %s)
        on conflict (site_code, destination) do update
        set state = excluded.state, sealed = excluded.sealed, changed_at = excluded.changed_at""",
        [site, destination, Jsonb(dict(state), dumps=_dumps), token, now],
    )


def save_dictionary(
    connection: psycopg.Connection[Any],
    site: str,
    destination: str,
    dictionary: str,
    version: str,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Put a dictionary's codes in place of those of an earlier version.

    A code that is given more than once (a process by each industry) is one row: the first, the others in its details.
    """
    kept: dict[str, dict[str, Any]] = {}
    for row in rows:
        code = str(row["code"])
        entry = {key: value for key, value in row.items() if key not in ("code", OTHERS)}
        if code in kept:
            kept[code].setdefault(OTHERS, []).append(entry)
        else:
            kept[code] = entry
    with connection.transaction():
        connection.execute(
            "delete from ops.upload_dictionaries where site_code = %s and destination = %s and dictionary = %s",
            [site, destination, dictionary],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                """insert into ops.upload_dictionaries
                    (site_code, destination, dictionary, code, name, details, version)
                values (%s, %s, %s, %s, %s, %s, %s)""",
                [
                    (
                        site, destination, dictionary, code, entry.get("name"),
                        Jsonb({key: value for key, value in entry.items() if key != "name"}, dumps=_dumps), version,
                    )
                    for code, entry in kept.items()
                ],
            )  # fmt: skip


def _fernet() -> Fernet:
    return Fernet(settings.load().secrets["NENGDUAN_UPLOAD_SEAL_KEY"])


def _dumps(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, default=lambda one: one.isoformat() if isinstance(one, date) else str(one)
    )
