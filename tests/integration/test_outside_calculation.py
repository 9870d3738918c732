"""Plants nobody has seen, loaded as a user loads them, against an outside calculation.

``nengduan load`` runs as its own process; the figures are read from the marts alone and held
against :mod:`tests.reference`, which knows contract §2 and §3 and nothing of the product.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion import warehouse
from tests.plants.unseen.packages import Style, write_package
from tests.plants.unseen.plants import CALENDARS, Calendar, random_plant
from tests.reference.comparison import compare, fetch
from tests.reference.model import Plant

pytestmark = [pytest.mark.slow, pytest.mark.built, pytest.mark.usefixtures("module_warehouse")]

#: Headers as people write them in Chinese workbooks and exports.
CHINESE = {
    "meter_code": "管理编号",
    "read_at": "读数时间",
    "value": "读数",
    "multiplier": "倍率",
    "reading_kind": "读数类型",
    "energy_code": "能源编码",
    "name": "名称",
    "unit": "单位",
    "measured_by": "计量表达式",
    "date": "日期",
    "quantity": "数量",
    "upload_values.value": "填报值",
}


@dataclass(frozen=True)
class Case:
    name: str
    seed: int
    calendar: Calendar
    style: Style


CASES = (
    Case("PLAIN", 11, CALENDARS[0], Style()),
    Case("BOM-CRLF", 12, CALENDARS[1], Style("utf-8-sig", "\r\n", "zulu", "csv.gz")),
    Case("GBK.zh", 13, CALENDARS[2], Style("gbk", "\r\n", "local", aliases=CHINESE)),
    Case("PARQUET", 14, CALENDARS[3], Style(readings="parquet")),
    Case("BOOK", 15, CALENDARS[4], Style(aliases=CHINESE, is_workbook=True)),
)


#: Rows stamped in the future must still be so however long the loads take.
CLOCK = datetime.now(UTC) + timedelta(days=1)


def plant_of(case: Case) -> Plant:
    return random_plant(case.seed, case.name, date(2026, 2, 20), 8, 24, CLOCK, case.calendar)


def load(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("nengduan")), "load", str(path)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=600)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_unseen_plant_agrees_with_an_outside_calculation(case: Case, tmp_path: Path) -> None:
    plant = plant_of(case)
    loaded = load(write_package(tmp_path / case.name, plant, case.style, seed=case.seed))
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    with warehouse.connect("audit") as connection:
        assert compare(connection, plant)[:30] == []


def test_loading_again_changes_nothing(tmp_path: Path) -> None:
    case = CASES[0]
    path = write_package(tmp_path / case.name, plant_of(case), case.style, seed=case.seed)
    before = state(case.name)
    if not before[0]["n"]:  # this test alone: nobody has loaded it yet
        assert load(path).returncode == 0
        before = state(case.name)
    assert load(path).returncode == 0
    assert state(case.name) == before


def state(site_code: str) -> list[dict[str, object]]:
    """Rows and a checksum of the site's energy; rows refused and landed. Before any build: none."""
    queries = (
        "select count(*) as n, md5(string_agg(t::text, '|' order by t::text)) as sum "
        "from marts.fct_energy_hourly as t where site_code = %s",
        "select count(*) as n, md5(string_agg(t::text, '|' order by t::text)) as sum "
        "from marts.performance_by_type as t where site_code = %s",
        "select count(*) as n, null as sum from quarantine.rejected_rows where site_code = %s",
        "select count(*) as n, null as sum from raw.readings where site_code = %s",
    )
    with warehouse.connect("audit") as connection:
        return [fetch(connection, query, site_code)[0] for query in queries]
