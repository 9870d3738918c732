"""Builds compute what changed: whatever happens to a plant, and wherever a build is cut off, the tables end as if
everything had been computed at once.

An example is a seed: some small plants and a sequence of steps for each (tests/properties/steps.py), with a build, a
build that is cut off, or nothing after each. In the end every table equals what a full rebuild gives, row for row, and agrees
with the reference.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import marks, warehouse
from tests.properties import builds, steps
from tests.properties.conftest import INCREMENTS
from tests.reference.comparison import compare
from tests.reference.flows import terms_of

PLANTS_EACH = 8
STEPS_EACH = 7
CUT_OFF = 0.35
BUILT = 0.35
"""How often a build that is cut off follows a step, and how often a whole one."""

#: Columns that say whose a row is and where it came from, not what it says.
ORIGIN = ("site_code", "batch_id", "line", "worker", "source_equivalent", "source_equal")
SHOWN = 4

READ_AT = "2026-12-01 00:00+00"
"""The clock of what depends on today, the same for both readings of a table: "已有 6426.1 小时没有读数" goes on counting."""

Rows = dict[str, dict[int, tuple[int, str]]]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("module_warehouse")]


def tables() -> list[str]:
    """Everything that stays and is computed: facts, and the views over them."""
    query = """select relnamespace::regnamespace || '.' || relname from pg_class
        where relkind in ('r', 'v') and relname !~ '__(windows|dbt)' and (
            relnamespace = 'marts'::regnamespace
            or relnamespace = 'intermediate'::regnamespace and relkind = 'r'
            or oid = 'quarantine.rejected_by_rules'::regclass
        ) order by 1"""
    with warehouse.connect("transform") as connection:
        return [row[0] for row in connection.execute(query)]


def rows_of(site: str) -> Rows:
    """Per table its rows by a hash to which 0.40 is 0.4: how often each stands there, and its text."""
    found = {}
    with warehouse.connect("transform") as connection:
        connection.execute("select set_config('nengduan.now', %s, false)", [READ_AT])
        for table in tables():
            query = f"""select jsonb_hash_extended(row, 0), count(*), min(row::text)
                from (select to_jsonb(one) - %s::text[] as row from {table} as one where site_code = %s) as rows
                group by 1"""
            rows = connection.execute(query.encode(), [list(ORIGIN), site])
            found[table] = {key: (count, text) for key, count, text in rows}
    return found


def differences(before: Rows, after: Rows) -> list[str]:
    lines = []
    for table, rows in after.items():
        had = before[table]
        for one, other, words in ((had, rows, "only incremental"), (rows, had, "only rebuilt")):
            wrong = [text for key, (count, text) in one.items() if key not in other or other[key][0] != count]
            lines += [f"{table}: {words}: {text}" for text in wrong[:SHOWN]]
    return lines


def rebuild() -> None:
    with warehouse.connect("transform") as connection:
        marks.mark_range(connection, marks.FIRST_DAY, marks.LAST_DAY, None, "test")
    builds.build()


def forget(site: str) -> None:
    """Take the example's site out of the warehouse, so that the next costs as little as the first."""
    with warehouse.connect("owner") as connection:
        query = """select relnamespace::regnamespace || '.' || relname from pg_class
            where relkind in ('r', 'p') and not relispartition
            and relnamespace in ('ledger'::regnamespace, 'raw'::regnamespace)
            and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'site_code')"""
        for row in connection.execute(query).fetchall():
            connection.execute(f"delete from {row[0]} where site_code = %s".encode(), [site])


def play(seed: int, numbers: Iterable[int], *, is_checked_each_step: bool = False) -> dict[int, list[str]]:
    """Run the plants of an example side by side, each with steps of its own and all with the same builds.

    Returns, by plant, its steps and what is wrong at the end, or after the first step that broke something.
    """
    scenes = {number: steps.opening(seed + number, f"S{seed}-{number}-{uuid.uuid4().hex[:6]}") for number in numbers}
    told: dict[int, list[str]] = {number: [] for number in scenes}
    schedule = Random(seed)
    builds.build()
    try:
        for _ in range(STEPS_EACH):
            dice, stop = schedule.random(), schedule.randrange(1, len(builds.facts()))
            after = ""
            for number, scene in scenes.items():
                told[number].append(scene.rng.choice(steps.STEPS)(scene))
            if dice < CUT_OFF:
                builds.build(stop_after=stop)
                after = f" (build cut off after {builds.facts()[stop - 1]})"
            elif dice < CUT_OFF + BUILT:
                builds.build()
                after = " (build)"
            for lines in told.values():
                lines[-1] += after
            if is_checked_each_step and CUT_OFF <= dice < CUT_OFF + BUILT and (wrong := unlike_reference(scenes)):
                return {n: [*told[n], "BROKEN BY THE LAST OF THESE STEPS:", *lines] for n, lines in wrong.items()}
        builds.build()
        wrong = unlike_reference(scenes)
        incremental = {number: rows_of(scene.plant.site_code) for number, scene in scenes.items()}
        rebuild()
        for number, scene in scenes.items():
            if lines := differences(incremental[number], rows_of(scene.plant.site_code)):
                wrong[number] = wrong.get(number, []) + lines
        return {number: [*told[number], "WRONG AT THE END:", *lines] for number, lines in wrong.items()}
    finally:
        for scene in scenes.values():
            forget(scene.plant.site_code)


def unlike_reference(scenes: dict[int, steps.Scene]) -> dict[int, list[str]]:
    with warehouse.connect("audit") as connection:
        found = {number: compare(connection, scene.plant)[: 3 * SHOWN] for number, scene in scenes.items()}
    return {number: lines for number, lines in found.items() if lines}


@INCREMENTS
@given(seed=st.integers(0, 2**32 - 1))
def test_any_sequence_of_changes_ends_in_the_tables_of_a_full_rebuild(seed: int) -> None:
    builds.prepare()
    wrong = play(seed, range(PLANTS_EACH))
    if wrong:
        number, lines = next(iter(wrong.items()))
        again = play(seed, [number], is_checked_each_step=True).get(number, ["not so when alone"])
        pytest.fail("\n".join([f"seed {seed}, plant {number} of {sorted(wrong)}", *lines, "", "AGAIN, ALONE:", *again]))


def written(table: str, key: str, site: str) -> dict[str, set[str]]:
    """By meter, flow or energy: where its rows lie and which transactions wrote them."""
    query = f"select {key}, array_agg(ctid::text || ' ' || xmin::text) from {table} where site_code = %s group by 1"
    with warehouse.connect("transform") as connection:
        return {code: set(rows) for code, rows in connection.execute(query.encode(), [site])}


def codes(query: str, site: str) -> set[str]:
    with warehouse.connect("transform") as connection:
        return {row[0] for row in connection.execute(query.encode(), [site])}


def test_a_late_day_of_one_meter_rewrites_only_what_depends_on_it() -> None:
    builds.prepare()
    site = f"L{uuid.uuid4().hex[:6]}"
    scene = steps.opening(20261124, site)
    try:
        builds.build()
        measured = {one.flow_code: set(terms_of(one.measured_by)) for one in scene.plant.flows if one.measured_by}
        meter = min(
            {one.meter_code for one in scene.unsent} & {code for codes_of in measured.values() for code in codes_of}
        )
        flows = {code for code, meters in measured.items() if meter in meters}
        energies = {one.energy_code for one in scene.plant.flows if one.flow_code in flows}
        assert flows
        assert flows != set(measured)
        facts = [
            ("intermediate.int_meters__hours", "meter_code", {meter}),
            ("intermediate.int_meters__days", "meter_code", {meter}),
            ("marts.fct_energy_hourly", "flow_code", flows),
            ("marts.fct_energy_daily", "flow_code", flows),
            ("intermediate.int_flows__shifts", "flow_code", flows),
            ("intermediate.int_flows__weeks_months", "flow_code", flows),
            ("intermediate.int_performance__by_item", "energy_code", energies),
            ("intermediate.int_performance__by_level", "energy_code", energies),
        ]
        before = {table: written(table, key, site) for table, key, _ in facts}
        scene.land([one for one in scene.unsent if one.meter_code == meter])
        builds.build(stop_after=builds.facts().index("int_meters__days") + 1)
        assert codes("select meter_code from intermediate.int_meters__windows where site_code = %s", site) == {meter}
        assert codes("select flow_code from ops.dirty_flows where site_code = %s", site) == flows
        assert codes("select cause from ops.dirty_flows where site_code = %s", site) == {"读数"}
        builds.build()
        for table, key, mine in facts:
            after = written(table, key, site)
            others = (before[table].keys() | after.keys()) - mine
            assert {code: after.get(code) for code in others} == {code: before[table].get(code) for code in others}
            assert any(after.get(code) != before[table].get(code) for code in mine), f"{table} is as it was"
        assert unlike_reference({0: scene}) == {}
    finally:
        forget(site)
