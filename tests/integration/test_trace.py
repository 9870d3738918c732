"""A figure walked back to its files: the parts give the figure on every step, and a hole says what made it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ingestion import warehouse
from ingestion import settings as configuration
from ingestion.settings import Settings
from plugins.operations import pipeline
from plugins.workbench.trace import queries, render, walk
from plugins.workbench.trace.command import trace as command
from plugins.workbench.trace.names import FigureError, MeterError, SiteError
from plugins.workbench.trace.periods import PeriodError
from plugins.workbench.trace.steps import Trace
from tests.integration.landing_plant import write
from tests.plants.unseen.plants import CALENDARS, random_plant
from tests.properties.landing import build, land_plant, land_readings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("loaded")]

NOW = datetime(2026, 4, 1, tzinfo=UTC)
SITE = "TRACE"
DAY = "2026-01-10"
PLANT = {
    "site": f"site_code,name\n{SITE},追溯试验厂\n",
    "org_units": "org_code,name\nws,一车间\n",
    "energies": "energy_code,name,unit,class,kgce_per_unit,kgce_per_unit_equal,valid_from,valid_to\n"
    "electricity,电力,kWh,secondary,0.1229,0.3,2025-01-01,2026-01-11\n"
    "electricity,电力,kWh,secondary,0.1229,0.31,2026-01-11,\n",
    "nodes": "node_code,name,stage\nGRID,电网,external\nBUS,母线,distribution\nUSE,车间,end_use\n",
    "meters": "meter_code,name,energy_code,reading_kind,unit,interval_minutes,max_per_hour,multiplier\n"
    "M1,进线,electricity,interval,kWh,60,400,1\n"
    "M2,车间,electricity,register,kWh,60,400,10\n"
    "M3,照明,electricity,interval,kWh,60,400,1\n",
    "flows": "flow_code,energy_code,from_node,to_node,level,item,measured_by,org_code\n"
    "F1,electricity,GRID,BUS,1,purchase,M1,\n"
    "F2,electricity,BUS,USE,2,production,M2 + 0.5 * M3,ws\n"
    "F3,electricity,BUS,USE,2,loss,M1 - M3,\n",
    "shifts": "shift_code,start,end\n早班,07:30,15:30\n夜班,19:30,07:30\n",
    "purchases": "energy_code,date,quantity,kind,supplier\nraw_coal,2026-01-05,10,purchase,=cmd()\n"
    "raw_coal,2026-01-10,3,purchase,乙矿\nraw_coal,2026-01-20,1,sale,\n",
    "stocks": "energy_code,date,quantity,kind\nraw_coal,2026-01-01,7,opening\nraw_coal,2026-01-31,4,closing\n",
}
FIGURES_OF_ANY_PERIOD = ("2026-02-22", "2026-02-23T10:00", "2026-02-W", "2026-02", "2026-03", "2026-Q1", "2026")


def hourly(meter: str, values: list[Any], first_hour: int = 0, day: str = DAY, revision: int = 0) -> str:
    rows = (f"{meter},{day} {first_hour + at:02d}:00,{value},{revision}\n" for at, value in enumerate(values))
    return "meter_code,read_at,value,revision\n" + "".join(rows)


@pytest.fixture(scope="module")
def loaded(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A plant with a correction, an outlier, a dispute, a silent meter, a held file and a corrected document."""
    folder = tmp_path_factory.mktemp("package") / SITE
    counter = [1000 + hour for hour in range(24)]
    counter[6] = 90_000
    readings = {
        "readings/m1": hourly("M1", [10] * 24) + hourly("M1", [10] * 24, 0, "2026-01-11").partition("\n")[2],
        "readings/m2": hourly("M2", counter),
        "readings/m3": hourly("M3", [2] * 12) + "M3,2026-01-10 20:00,abc,0\n",
        "readings/wrong_unit": hourly("M3", [9000] * 12, 12),
        "readings/dispute": hourly("M1", [11], 5),
    }
    report = pipeline.run_package(write(folder, PLANT | readings), NOW)
    assert {stage.name for stage in report.stages if stage.problem} == {"batch_gate"}, report.stages
    later = {
        "readings/m1_corrected": hourly("M1", [12], 3, revision=1) + f"M1,{DAY} 05:00,10,1\n",
        "purchases": PLANT["purchases"].replace("2026-01-10,3,", "2026-01-10,4,"),
    }
    pipeline.run_package(write(folder, later), NOW)
    yield


def traced(figure: str, period: str, site: str = SITE, **options: Any) -> Trace:
    with walk.reading() as connection:
        return walk.trace(connection, site, figure, period, walk.Options(**options))


def rows(trace: Trace, step: str, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in trace.step(step).rows if all(row[key] == value for key, value in wanted.items())]


def states(trace: Trace) -> dict[str, set[str]]:
    return {step.name: {check.state for check in step.checks} for step in trace.steps if step.checks}


def mart(query: str) -> Any:
    with warehouse.connect("bi") as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None, query
    return row[0]


def run(*words: str) -> Result:
    return CliRunner().invoke(command, list(words))


def test_look(capsys):
    for a in [("type:electricity","2026-01"),("type:raw_coal","2026-01"),("item:loss:electricity",DAY),("level:2:electricity",DAY),("level:2:electricity:ws",DAY+"/早班"),("comprehensive","2026-01"),("meter:M3",DAY)]:
        with capsys.disabled(): print(run(SITE,*a).output)
