"""Heavy facts stay on their site's shard, and are written in place (design decision 14), held over what dbt really
sends to PostgreSQL."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.dbt.distribution import faults, statements
from tests.dbt.test_unit_tests import dbt

HEAVY = [
    "int_meters__hours", "int_meters__days", "int_readings__rejected", "reading_events",
    "fct_energy_hourly", "fct_energy_daily",
    "int_flows__shifts", "int_flows__weeks_months", "int_flows__quarters_years",
    "int_performance__by_level", "int_performance__by_item", "int_energies__intake",
]  # fmt: skip
IN_PLACE = {"insert_statement", "delete_statement", "select_statement", "transaction_statement", "set_statement"}
SNAPSHOT = "commit; begin isolation level repeatable read"
"""What a fact sends before anything else (macros/fact.sql); beyond the parser's grammar."""


class Project:
    """The manifest of a run, and by model the statements of the run that made the tables and of one after it."""

    def __init__(self, manifest: dict[str, Any], first: dict[str, list[str]], later: dict[str, list[str]]) -> None:
        self.nodes = {node["name"]: node for node in manifest["nodes"].values()}
        self.by_id = {node["unique_id"]: node for node in manifest["nodes"].values()}
        self.first, self.later = first, later

    def views(self, name: str) -> list[dict[str, Any]]:
        """The views that a fact reads, and those that they read, down to facts and sources."""
        found: dict[str, dict[str, Any]] = {}
        waiting = list(self.nodes[name]["depends_on"]["nodes"])
        while waiting:
            node = self.by_id.get(waiting.pop())
            if node and node["config"]["materialized"] == "view" and node["name"] not in found:
                found[node["name"]] = node
                waiting += node["depends_on"]["nodes"]
        return list(found.values())


@pytest.fixture(scope="module")
def project(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Project:
    target = tmp_path_factory.mktemp("dbt")
    runs = [_run(module_warehouse, target, target / name) for name in ("first", "later")]
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return Project(manifest, *runs)


def _run(settings: Settings, target: Path, logs: Path) -> dict[str, list[str]]:
    words = ("--log-path", str(logs), "--log-format-file", "json", "--log-level-file", "debug")
    done = dbt(settings, target, *words, "--quiet", "run")
    assert done.returncode == 0, done.stdout
    sent: dict[str, list[str]] = {}
    for line in (logs / "dbt.log").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["info"]["name"] == "SQLQuery" and "node_info" in event["data"]:
            sql = re.sub(r"^/\*.*?\*/", "", event["data"]["sql"].strip(), flags=re.DOTALL).strip()
            sent.setdefault(event["data"]["node_info"]["node_name"], []).append(sql)
    return sent


@pytest.mark.parametrize("name", HEAVY)
def test_every_window_join_and_group_holds_the_site(project: Project, name: str) -> None:
    found = [fault for sql in project.later[name] if sql != SNAPSHOT for fault in faults(sql)]
    for view in project.views(name):
        found += [f"{view['name']}: {fault}" for fault in faults(view["compiled_code"])]
    assert found == []


@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_fact_is_written_by_insert_select_into_a_table_of_ours(project: Project, name: str) -> None:
    node = project.nodes[name]
    assert node["config"]["materialized"] == "fact"
    made = [statement for sql in project.first[name] if sql != SNAPSHOT for statement in statements(sql)]
    assert "create_table_as_statement" not in {statement.get_type() for statement in made}
    assert not any("temp" in statement.raw.lower().split("(")[0].split() for statement in made)

    # One snapshot for all that is read and written.
    sent = project.later[name]
    assert sent.count(SNAPSHOT) == 1
    writes = [sql for sql in sent if re.match(r"insert|delete|update", sql)]
    assert writes
    assert all(sent.index(SNAPSHOT) < sent.index(sql) for sql in writes)
    later = [statement for sql in sent if sql != SNAPSHOT for statement in statements(sql)]
    assert {statement.get_type() for statement in later} <= IN_PLACE
    table = f'"{node["schema"]}"."{node["alias"]}"'
    inserts = [
        statement
        for statement in later
        if statement.get_type() == "insert_statement"
        and next(statement.recursive_crawl("table_reference")).raw.endswith(table)
    ]
    assert len(inserts) == 1
    assert next(inserts[0].recursive_crawl("select_statement"), None) is not None


GOOD = """
with sums as (
    select s.site_code, s.a, sum(s.b) over (partition by s.site_code, s.a order by s.c) as running, lag(s.b) over along
    from s
    window along as (partition by s.site_code order by s.c)
)
select distinct on (sums.site_code, sums.a) sums.site_code, max(t.b) as b
from sums
inner join t on t.site_code = sums.site_code and sums.a between t.a and t.b
cross join lateral unnest(t.codes) as codes (code)
cross join (values (1), (2)) as v (n)
cross join lateral (select u.a from u where u.site_code = sums.site_code) as nearest
where not exists (select 1 from w where w.site_code = sums.site_code and w.a = sums.a)
group by sums.site_code, sums.a
"""


def test_a_good_statement_has_no_fault() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "word"),
    [
        ("partition by s.site_code, s.a", "partition by s.a", "partition"),
        ("(partition by s.site_code order by s.c)", "(order by s.c)", "partition"),
        ("over along", "over ()", "window"),
        ("on t.site_code = sums.site_code and", "on", "join"),
        ("t.site_code = sums.site_code and", "t.site_code = sums.site_code or", "join"),
        ("t.site_code = sums.site_code", "sums.site_code = sums.site_code", "join"),
        ("cross join (values (1), (2)) as v (n)", "cross join v", "join"),
        ("from sums\n", "from sums, t\n", "join"),
        ("u.site_code = sums.site_code", "u.a = sums.a", "correlated"),
        ("w.site_code = sums.site_code and", "", "correlated"),
        ("sums.site_code) as nearest", "sums.site_code limit 1) as nearest", "limit"),
        ("sums.site_code) as nearest", "sums.site_code offset 0) as nearest", "limit"),
        ("group by sums.site_code, sums.a", "group by sums.a", "group"),
        ("group by sums.site_code, sums.a", "", "group"),
        ("distinct on (sums.site_code, sums.a)", "distinct on (sums.a)", "distinct"),
        ("distinct on (sums.site_code, sums.a) sums.site_code, max(t.b) as b", "distinct sums.a", "distinct"),
    ],
)
def test_each_fault_is_found(good: str, bad: str, word: str) -> None:
    assert good in GOOD
    found = faults(GOOD.replace(good, bad))
    assert found
    assert all(word in fault for fault in found)


def test_deletes_and_set_operations_hold_the_site_too() -> None:
    assert faults("delete from a using b where a.site_code = b.site_code and a.c = b.c") == []
    assert faults("delete from a using b where a.c = b.c")
    assert faults("select site_code, b from a union select site_code, b from c") == []
    assert faults("select b from a union select b from c")
    assert faults("select b from a union all select b from c") == []
