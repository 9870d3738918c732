"""What the platform holds: values with their versions, and documents (enterprises, its own state), in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = """
create table if not exists current_values (
    profile text not null, enterprise_code text not null, data_code text not null,
    stat_type integer not null, stat_date text not null,
    version integer not null, value text not null, input_type text not null, scope text not null,
    is_valid integer not null, ratio text, upload_date text not null, received_at text not null,
    primary key (profile, enterprise_code, data_code, stat_type, stat_date)
) without rowid;
create table if not exists earlier_values (
    profile text not null, enterprise_code text not null, data_code text not null,
    stat_type integer not null, stat_date text not null,
    version integer not null, value text not null, input_type text not null, scope text not null,
    is_valid integer not null, ratio text, upload_date text not null, received_at text not null,
    primary key (profile, enterprise_code, data_code, stat_type, stat_date, version)
) without rowid;
create table if not exists documents (
    kind text not null, name text not null, body text not null, primary key (kind, name)
) without rowid;
"""
COLUMNS = (
    "profile, enterprise_code, data_code, stat_type, stat_date, version, value, input_type, scope, is_valid, ratio,"
    " upload_date, received_at"
)
FIND = (
    "select value, is_valid, input_type, scope, ratio, version from current_values"
    " where profile = ? and enterprise_code = ? and data_code = ? and stat_type = ? and stat_date = ?"
)
RETIRE = f"""insert into earlier_values select {COLUMNS} from current_values
    where profile = ? and enterprise_code = ? and data_code = ? and stat_type = ? and stat_date = ?"""  # noqa: S608
WRITE = f"insert or replace into current_values ({COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608
RANGE = " and stat_date >= ? and stat_date < ?"
"""Both ends as `yyyy-MM-dd HH:mm:ss`, which sorts as it reads."""


class Figure(NamedTuple):
    """A checked row, in one form for all profiles: hyphenated code, shortest decimal text."""

    data_code: str
    stat_type: int
    stat_date: str
    value: str
    input_type: str
    scope: str
    is_valid: bool
    ratio: str | None
    upload_date: str


class Stored(NamedTuple):
    new: int
    changed: int
    same: int


class Store:
    """One SQLite database; used by the server's thread alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = off")
        self._connection.executescript(SCHEMA)
        self._cursor = self._connection.cursor()
        self._cursor.row_factory = None

    def close(self) -> None:
        self._connection.close()

    def put(self, profile: str, enterprise_code: str, figures: Sequence[Figure], received_at: str) -> Stored:
        """Keep a whole batch in one transaction: the same value is no news, another one a new version."""
        new = changed = 0
        execute = self._cursor.execute
        execute("begin")
        try:
            for figure in figures:
                code, stat_type, stat_date, value, input_type, scope, is_valid, ratio, upload_date = figure
                key = (profile, enterprise_code, code, stat_type, stat_date)
                held = execute(FIND, key).fetchone()
                version = 1
                if held is None:
                    new += 1
                elif held[:5] == (value, is_valid, input_type, scope, ratio):
                    continue
                else:
                    changed += 1
                    version = held[5] + 1
                    execute(RETIRE, key)
                execute(WRITE, (*key, version, value, input_type, scope, is_valid, ratio, upload_date, received_at))
            execute("commit")
        except BaseException:
            execute("rollback")
            raise
        return Stored(new, changed, len(figures) - new - changed)

    def values(self, profile: str | None = None, enterprise_code: str | None = None) -> Iterator[dict[str, Any]]:
        """The values that stand, in the order of their keys."""
        where, given = _conditions(profile=profile, enterprise_code=enterprise_code)
        text = f"select {COLUMNS} from current_values where {where}"  # noqa: S608 (names of our own)
        yield from (dict(row) for row in self._connection.execute(text, given))

    def between(
        self, profile: str, enterprise_code: str, first: str, after: str, stat_type: int | None, data_code: str | None
    ) -> Iterator[dict[str, Any]]:
        """The values that stand of some time, as a download asks for them."""
        where, given = _conditions(
            profile=profile, enterprise_code=enterprise_code, stat_type=stat_type, data_code=data_code
        )
        text = f"select {COLUMNS} from current_values where {where}{RANGE}"  # noqa: S608
        yield from (dict(row) for row in self._connection.execute(text, (*given, first, after)))

    def history(self, **key: Any) -> list[dict[str, Any]]:
        """All versions of values, oldest first, of which some of the key is given."""
        where, given = _conditions(**key)
        text = f"""select {COLUMNS} from earlier_values where {where}
            union all select {COLUMNS} from current_values where {where}
            order by profile, enterprise_code, data_code, stat_type, stat_date, version"""  # noqa: S608
        return [dict(row) for row in self._connection.execute(text, (*given, *given))]

    def counts(self) -> list[dict[str, Any]]:
        """How much is held, by profile, enterprise and statistic."""
        text = """select profile, enterprise_code, stat_type, count(*) as row_count,
            sum(version - 1) as earlier_versions, min(stat_date) as first_date, max(stat_date) as last_date
            from current_values group by profile, enterprise_code, stat_type"""
        return [dict(row) for row in self._connection.execute(text)]

    def keep(self, kind: str, name: str, body: Any) -> None:
        """Write a document, in place of the one of that name."""
        text = json.dumps(body, ensure_ascii=False)
        self._connection.execute("insert or replace into documents values (?, ?, ?)", (kind, name, text))

    def drop(self, kind: str, name: str) -> None:
        """Remove a document."""
        self._connection.execute("delete from documents where kind = ? and name = ?", (kind, name))

    def kept(self, kind: str) -> dict[str, Any]:
        """All documents of a kind by name."""
        found = self._connection.execute("select name, body from documents where kind = ?", (kind,))
        return {row["name"]: json.loads(row["body"]) for row in found}


def _conditions(**wanted: Any) -> tuple[str, tuple[Any, ...]]:
    given = {name: value for name, value in wanted.items() if value is not None}
    return " and ".join(["true", *(f"{name} = ?" for name in given)]), tuple(given.values())
