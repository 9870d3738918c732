"""A retired month changes no figure: what the edge keeps gives the figures of the whole history.

Random plants are read across two month ends. A month is retired while readings from its end on are
still arriving, late and shuffled. Hours before a meter's edge must be what the whole history gives,
so that nothing that comes later can move them; hours from the edge on, computed anew from what is
left in raw.readings, must be so too. The same holds for what the rules refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from ingestion import marks
from ingestion import warehouse as connections
from ingestion.settings import Settings
from tests.plants.unseen.plants import CALENDARS, random_plant
from tests.properties import builds
from tests.properties.landing import land_plant, land_readings
from tests.reference.comparison import Expected, differences, expect, fetch, utc
from tests.reference.model import Plant, Reading

NOW = datetime(2020, 4, 5, tzinfo=UTC)
FIRST_DAY, DAYS, METERS = date(2020, 2, 28), 35, 16
EDGES = (datetime(2020, 3, 1, tzinfo=UTC), datetime(2020, 4, 1, tzinfo=UTC))
BEGINNING = datetime.min.replace(tzinfo=UTC)

Part = Callable[[str, datetime], bool]
"""Whether an instant of a meter belongs to the part of time that is looked at."""

pytestmark = [pytest.mark.slow, pytest.mark.built]


def retire(month: date) -> None:
    with connections.connect("ingest") as connection:
        connection.execute("select raw.retire_readings_month(%s, 6, 'drop')", (month,))


def always(_code: str, _at: datetime) -> bool:
    return True


def edges_of(plant: Plant) -> dict[str, datetime]:
    query = "select meter_code, nullif(frozen_before, '-infinity') as at from ops.retention_edges where site_code = %s"
    with connections.connect("transform") as connection:
        found = {row["meter_code"]: row["at"] or BEGINNING for row in fetch(connection, query, plant.site_code)}
    return {reading.meter_code: BEGINNING for reading in plant.readings} | found


def unlike(plant: Plant, expected: Expected, part: Part) -> list[str]:
    """Hours and refusals of a part of time that are not what the whole history gives."""
    with connections.connect("audit") as connection:
        hours = fetch(connection, "select * from marts.fct_meter_hourly where site_code = %s", plant.site_code)
        refused = fetch(
            connection,
            "select distinct meter_code, read_at, revision, value, reason_code from quarantine.rejected_by_rules "
            "where site_code = %s",
            plant.site_code,
        )
    names = ("quantity", "coverage", "estimated_quantity")
    wanted: dict[Any, dict[str, Any]] = {
        (code, utc(hour)): {name: getattr(row, name) for name in names}
        for code, found in expected.meters.items()
        for hour, row in found.items()
    }
    got = {(row["meter_code"], row["hour_start"]): row for row in hours}
    wanted_refusals = {
        (code, utc(int(at)), revision, value): {"reason_code": verdict}
        for (code, at, revision, value), verdict in expected.verdicts.items()
    }
    got_refusals = {
        (row["meter_code"], row["read_at"], row["revision"], Fraction(row["value"])): row for row in refused
    }
    assert any(part(*key) for key in wanted), "a part of time without hours proves nothing"
    return [
        *differences("meter hour", _of(wanted, part), _of(got, part)),
        *differences("refusal", _of(wanted_refusals, part), _of(got_refusals, part)),
    ]


def _of(rows: dict[Any, Any], part: Part) -> dict[Any, Any]:
    return {key: row for key, row in rows.items() if part(key[0], key[1])}


def between(readings: Sequence[Reading], start: datetime, end: datetime) -> list[Reading]:
    return [reading for reading in readings if start <= utc(int(reading.at)) < end]


@pytest.mark.parametrize("seed", [2, 3])
def test_what_the_edge_keeps_gives_the_figures_of_the_whole_history(warehouse: Settings, seed: int) -> None:
    rng = Random(seed)
    plant = random_plant(seed, "R", FIRST_DAY, DAYS, METERS, NOW, rng.choice(CALENDARS))
    expected = expect(plant)
    shuffled = rng.sample(plant.readings, len(plant.readings))
    first, second = EDGES
    middle = between(shuffled, first, second)
    end = between(shuffled, second, datetime.max.replace(tzinfo=UTC))

    land_plant(plant, NOW)
    land_readings(plant, [*between(shuffled, BEGINNING, first), *middle[::3]], NOW)
    builds.prepare()
    builds.build()
    retire(date(2020, 2, 1))
    one = edges_of(plant)
    assert unlike(plant, expected, lambda code, at: at < one[code])[:20] == []

    land_readings(plant, [*middle[1::3], *middle[2::3], *end[::3]], NOW)
    builds.build()
    retire(date(2020, 3, 1))
    two = edges_of(plant)
    assert all(one[code] <= two[code] for code in one)
    assert unlike(plant, expected, lambda code, at: one[code] <= at < two[code])[:20] == []

    land_readings(plant, [*end[1::3], *end[2::3]], NOW)
    builds.build()
    assert unlike(plant, expected, always)[:20] == []
    with connections.connect("transform") as connection:
        marks.mark_range(connection, marks.FIRST_DAY, marks.LAST_DAY, None, "test")
    builds.build()
    assert unlike(plant, expected, always)[:20] == [], "not even a rebuild touches what is frozen"
    with connections.connect("audit") as connection:
        [counts] = fetch(
            connection, "select count(*) filter (where read_at < %s) as kept, count(*) from raw.readings", second
        )
    assert counts["kept"] < len(plant.readings) / 10, "the edge keeps little"
