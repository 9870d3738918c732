"""`nengduan up` on nothing: Airflow's own scheduler runs the pipeline, and the figures are the plant's."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import requests

from plugins.operations.runs import Airflow
from plugins.province.sandbox.server import Sandbox
from tests.e2e.conftest import Platform
from tests.plants.kunming_steel import real_year

pytestmark = pytest.mark.e2e

YEAR_KWH = Decimal("959636.71")  # the public data set's own total
REAL_FLOW = "F-E-001"
INGEST = ("import_ledgers", "ingest_erp", "ingest_readings")


def ask(platform: Platform, query: str, role: str = "bi") -> list[tuple[Any, ...]]:
    with psycopg.connect(platform.settings.url(role)) as connection:
        return connection.execute(query.encode()).fetchall()


def first_day(platform: Platform) -> datetime:
    """The day the sample plant was written for, from its own last reading."""
    last = ask(platform, "select max(last_read_at) from ops.batches", "audit")[0][0]
    return (last.astimezone(ZoneInfo("Asia/Shanghai")) + timedelta(hours=12)).replace(tzinfo=None)


def test_airflow_itself_ran_every_dag_and_none_failed(running_platform: Platform) -> None:
    airflow = Airflow(running_platform.settings)
    for dag_id in (*INGEST, "build_marts", "upload_province"):
        states = {run["state"] for run in airflow.runs(dag_id)}
        assert "success" in states, dag_id
        assert "failed" not in states, dag_id
    assert airflow.import_errors() == []


def test_the_real_meters_year_is_what_was_published(running_platform: Platform) -> None:
    first, last = real_year(first_day(running_platform).date())
    days = ask(
        running_platform,
        "select stat_date, quantity, tce_equivalent, coverage from marts.fct_energy_daily"
        f" where flow_code = '{REAL_FLOW}' and stat_date between '{first}' and '{last}'",
    )
    assert len(days) == 365
    assert sum(day[1] for day in days) == YEAR_KWH
    assert round(sum(day[2] for day in days), 2) == Decimal("117.94")
    assert {day[3] for day in days} == {Decimal(1)}


def test_each_day_is_the_sum_of_its_own_96_intervals(running_platform: Platform) -> None:
    first, last = real_year(first_day(running_platform).date())
    differing = ask(
        running_platform,
        # Stamps are interval ends: the one at midnight ends the day before.
        f"""with own as (
            select ((read_at at time zone 'Asia/Shanghai') - interval '15 minutes')::date as stat_date,
                count(*) as intervals, sum(value) as quantity
            from raw.readings
            where meter_code = 'M-E-001'
            group by 1
        )
        select own.stat_date, own.quantity, days.quantity
        from own
        inner join marts.fct_energy_daily as days
            on own.stat_date = days.stat_date and days.flow_code = '{REAL_FLOW}'
        where own.stat_date between '{first}' and '{last}'
            and (own.intervals <> 96 or own.quantity <> days.quantity)""",
        "audit",
    )
    assert differing == []


def test_the_sample_plant_has_uploaded_to_both_platforms_what_the_marts_hold(running_platform: Platform) -> None:
    sandbox = Sandbox(f"http://127.0.0.1:{running_platform.settings.sandbox_port}")
    for destination, profile in (("sandbox", "nhjc04"), ("sandbox_yunnan", "yunnan")):
        figures = ask(
            running_platform,
            f"""select figures.data_code, figures.stat_type, figures.stat_date, figures.value::numeric(32, 10),
                outbox.value, outbox.status
            from ops.upload_outbox as outbox
            left join marts.upload_values as figures using (site_code, data_code, stat_type, stat_date)
            where outbox.destination = '{destination}' and figures.destination in ('*', '{destination}')""",
            "audit",
        )
        assert {row[1] for row in figures} == {0, 1, 2}, destination
        assert {row[5] for row in figures} == {2}, destination
        held = {key[1:]: value for key, value in sandbox.values(profile).items()}
        assert set(held) == {row[:3] for row in figures}, destination
        for code, stat_type, stat_date, value, sent, _ in figures:
            assert value == sent
            # The platforms' forms hold 15 characters at least.
            assert abs(held[code, stat_type, stat_date] - value) <= abs(value) * Decimal("1e-9"), (code, stat_date)
    sandbox.close()


def test_every_batch_was_judged_and_counts(running_platform: Platform) -> None:
    states = dict(ask(running_platform, "select status, count(*) from ops.batches group by 1", "audit"))
    assert set(states) == {"accepted"}
    gates = ask(running_platform, "select gate, count(*) from ops.quality_results group by 1", "audit")
    assert {gate for gate, _ in gates} == {"batch", "marts"}


def test_up_says_where_everything_is_and_what_the_plant_took_in(running_platform: Platform) -> None:
    settings = running_platform.settings
    for text in (settings.airflow_url, settings.superset_url, settings.secrets["NENGDUAN_AIRFLOW_ADMIN_PASSWORD"]):
        assert text in running_platform.output
    assert "tce" in running_platform.output
    assert "电力" in running_platform.output


def test_every_page_wants_a_login(running_platform: Platform) -> None:
    settings = running_platform.settings
    assert requests.get(f"{settings.airflow_url}/api/v2/dags", timeout=30).status_code == 401
    dashboards = requests.get(f"{settings.superset_url}/api/v1/chart/data", timeout=30, allow_redirects=False)
    assert dashboards.status_code in (302, 401, 405)
    assert requests.get(f"{settings.superset_url}/api/v1/dashboard/1", timeout=30).status_code in (401, 403, 404)


def test_up_again_changes_nothing(running_platform: Platform) -> None:
    before = ask(running_platform, "select count(*), max(batch_id) from ops.batches", "audit")
    done = running_platform.nengduan("up")
    assert done.returncode == 0, done.stdout[-4000:]
    assert ask(running_platform, "select count(*), max(batch_id) from ops.batches", "audit") == before
    doctor = running_platform.nengduan("doctor", seconds=300)
    assert doctor.returncode == 0, json.dumps(doctor.stdout, ensure_ascii=False)
