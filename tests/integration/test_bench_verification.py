"""The bench reads the load's own words, and fails when the marts are not what its yardstick makes of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingestion.settings import Settings
from plugins.operations.load import load
from plugins.operations.pipeline import TITLES
from tests.bench import queries
from tests.bench.installation import BenchError, Finished
from tests.bench.verification import verify
from tests.bench.yardstick import write_yardstick

pytestmark = pytest.mark.slow


def test_right_marts_pass_and_wrong_ones_fail(warehouse: Settings, tmp_path: Path) -> None:
    yardstick = write_yardstick(tmp_path, meters=20, days=9, seed=3, slot_count=1, late_count=1)
    result = CliRunner().invoke(load, [str(yardstick.package)])
    assert result.exit_code == 0, result.output
    stages = set(TITLES) - {"correction", "rebuild"}  # what other commands than `nengduan load` do
    assert set(Finished(1.0, result.output, {}).stages) == {TITLES[stage] for stage in stages}

    address = warehouse.url("audit")
    verify(address, yardstick, 0, [])
    assert set(queries.measure(warehouse.url("bi"), 2)) == set(queries.QUERIES)

    code = yardstick.plan.codes[0]
    wrong = {**yardstick.truth[0], code: yardstick.truth[0][code] + Decimal("0.01")}
    with pytest.raises(BenchError, match=f"fct_meter_hourly is wrong in 1 of 20 sums: {code}"):
        verify(address, replace(yardstick, truth=[wrong]), 0, [])
    with pytest.raises(BenchError, match=r"ops\.batches"):
        verify(address, replace(yardstick, rows=yardstick.rows + 1), 0, [])
    with pytest.raises(BenchError, match=r"ops\.batches"):
        verify(address, yardstick, 1, [])
    with pytest.raises(BenchError, match="which arrived late"):
        verify(address, replace(yardstick, rows=yardstick.rows - 96), 0, yardstick.late_days)
