"""Builds inside the test's own process: dbt imported once, the project read once.

Each fact is one transaction, so a build that is cut off anywhere leaves what a build of only the first facts
leaves: ``build(stop_after=n)``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from ingestion import marks, warehouse
from ingestion import settings as configuration
from plugins.operations import passes

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

EVERYTHING = ("build", "--exclude-resource-type", "seed", "test", "unit_test")
"""Views and empty tables too: what the first build of a warehouse has to make."""

LONGEST_BACKLOG = 50


@contextmanager
def dbt_environment() -> Iterator[None]:
    """The process environment that dbt reads, while it runs."""
    environment = configuration.load().dbt_environment()
    changed = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def manifest() -> Manifest:
    """The project as dbt has read it, once for each warehouse: relations carry the database's name."""
    return _manifest(configuration.load().warehouse_database)


@lru_cache(maxsize=4)
def _manifest(database: str) -> Manifest:
    from dbt.cli.main import dbtRunner

    with dbt_environment():
        result = dbtRunner().invoke(["--quiet", "--no-use-colors", "--no-partial-parse", "parse"])
    assert result.success, result.exception
    return result.result  # type: ignore[return-value]


@lru_cache(maxsize=1)
def facts() -> tuple[str, ...]:
    """Every fact, each after those it is computed from."""
    nodes = manifest().nodes
    parents = {name: [one for one in node.depends_on_nodes if one in nodes] for name, node in nodes.items()}
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for parent in sorted(parents[name]):
                visit(parent)
            ordered[name] = None

    for name in sorted(nodes):
        if nodes[name].resource_type == "model":
            visit(name)
    return tuple(nodes[name].name for name in ordered if nodes[name].config.materialized == "fact")


def invoke(command: Sequence[str]) -> None:
    """One pass of dbt; raises with what failed."""
    from dbt.cli.main import dbtRunner

    with dbt_environment():
        result = dbtRunner(manifest=manifest()).invoke(
            ["--quiet", "--no-use-colors", "--no-partial-parse", "--no-write-json", *command]
        )
    failures = [
        f"{node.node.name}: {' '.join(str(node.message).split())}"
        for node in getattr(result.result, "results", [])
        if str(node.status) not in ("success", "pass", "skipped")
    ]
    assert result.success, f"dbt fails: {failures or result.exception}"


def prepare() -> None:
    """The first build of a warehouse."""
    invoke(EVERYTHING)


def build(stop_after: int | None = None) -> None:
    """Compute what is marked; with ``stop_after`` only the first facts of one pass, as if cut off there."""
    if stop_after is not None:
        invoke([*passes.FILLING, *facts()[:stop_after]])
        return
    for _ in range(LONGEST_BACKLOG):
        invoke(passes.WORKING)
        with warehouse.connect("transform") as connection:
            if not marks.has_open(connection):
                return
    raise AssertionError("marks are left after many passes")
