"""dbt's own unit tests, run against real PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.settings import Settings

pytestmark = pytest.mark.built

ROOT = Path(__file__).resolve().parents[2]


def dbt(settings: Settings, target: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | settings.dbt_environment() | {"DBT_TARGET_PATH": str(target)}
    command = [str(Path(sys.executable).with_name("dbt")), *words]
    command += ["--project-dir", str(ROOT / "dbt_project"), "--profiles-dir", str(ROOT / "dbt_project")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_unit_tests_and_seed_tests_pass(warehouse: Settings, tmp_path: Path) -> None:
    done = dbt(warehouse, tmp_path, "test", "--select", "test_type:unit", "resource_type:seed")
    assert done.returncode == 0, done.stdout
    results = json.loads((tmp_path / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert sum(result["unique_id"].startswith("unit_test.") for result in results) >= 60
