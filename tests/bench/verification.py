"""A fast figure that is wrong is worth nothing: the marts against what the yardstick must add up to."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import psycopg

from tests.bench.installation import BenchError
from tests.bench.ledgers import purchased
from tests.bench.plan import SITE, TIMEZONE
from tests.bench.yardstick import LateDay, Yardstick

TOLERANCE = Decimal("1e-5")
"""Units of energy, per meter and year: thousands of spans, each cut at the hours to some 1e-10."""

SHOWN = 5

METERS = "select meter_code, sum(quantity) from marts.fct_meter_hourly where site_code = %s group by meter_code"
INTAKE = """
    select energy_code, sum(quantity) from marts.performance_by_type
    where site_code = %s and period_type = 'year' group by energy_code
"""
BATCHES = """
    select count(*) filter (where status <> 'accepted'), coalesce(sum(rows_total), 0)
    from ops.batches where site_code = %s and kind = 'readings'
"""
DAY = """
    select count(*), sum(coverage), sum(estimated_quantity) from marts.fct_meter_hourly
    where
        site_code = %s and meter_code = %s
        and hour_start >= %s::timestamp at time zone %s
        and hour_start < (%s::timestamp + interval '1 day') at time zone %s
"""


def verify(address: str, yardstick: Yardstick, slots: int, late_days: Iterable[LateDay]) -> None:
    """Raise BenchError when the marts are not what the history, the slots and the late days make of them.

    ``address`` is one of the role audit; ``slots`` how many have been loaded; ``late_days`` which ones.
    """
    arrived = list(late_days)
    truth = yardstick.truth[slots]
    wanted_rows = yardstick.rows + slots * yardstick.rows_per_slot + len(arrived) * 96
    with psycopg.connect(address) as connection:
        row = connection.execute(BATCHES, [SITE]).fetchone()
        if row is None or row[0] or row[1] != wanted_rows:
            raise BenchError(f"ops.batches: {wanted_rows} rows all accepted are due; not accepted, rows: {row}")
        _compare("fct_meter_hourly", dict(connection.execute(METERS, [SITE]).fetchall()), truth)
        intake = {
            energy: sum((truth[meter] * sign for meter, sign in meters), Decimal(0))
            for energy, meters in purchased(yardstick.plan).items()
        }
        found: dict[str, Decimal] = dict(connection.execute(INTAKE, [SITE]).fetchall())
        _compare("performance_by_type", {energy: found.get(energy) for energy in intake}, intake)
        for late in yardstick.late_days:
            values = [SITE, late.meter_code, late.day, TIMEZONE, late.day, TIMEZONE]
            hours = connection.execute(DAY, values).fetchone()
            assert hours is not None
            if hours[0] != 24 or (late in arrived) != (hours[1] == 24 and hours[2] == 0):
                state = "arrived late" if late in arrived else "never arrived"
                raise BenchError(
                    f"day {late.day} of {late.meter_code}, which {state}, has (hours, coverage, estimated) = {hours}"
                )


def _compare(what: str, found: dict[str, Decimal | None], wanted: dict[str, Decimal]) -> None:
    wrong = []
    for name in sorted({*found, *wanted}):
        value, due = found.get(name), wanted.get(name)
        if value is None or due is None or abs(value - due) > TOLERANCE:
            wrong.append(f"{name}: {value} in place of {due}")
    if wrong:
        raise BenchError(f"{what} is wrong in {len(wrong)} of {len(wanted)} sums: " + "; ".join(wrong[:SHOWN]))
