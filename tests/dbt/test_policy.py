"""The rules of docs/decisions and the style of the project, held over dbt's own manifest."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.operations import passes

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"
SCHEMAS_READ = {"ledger", "raw", "ops"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a fresh parse; parsing needs no database."""
    target = tmp_path_factory.mktemp("dbt")
    environment = os.environ | {
        f"NENGDUAN_PG_{name}": value
        for name, value in (
            ("HOST", "127.0.0.1"),
            ("PORT", "1"),
            ("DATABASE", "none"),
            ("USER", "none"),
            ("PASSWORD", "none"),
        )
    }
    environment |= {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
    command = [str(Path(sys.executable).with_name("dbt")), "parse", "--project-dir", str(PROJECT)]
    command += ["--profiles-dir", str(PROJECT), "--no-partial-parse"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout
    content: dict[str, Any] = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return content


def models(manifest: dict[str, Any], layer: str = "") -> list[dict[str, Any]]:
    found = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["path"].startswith(layer)
    ]
    assert found, f"no models under {layer!r}"
    return found


def test_marts_are_the_contract(manifest: dict[str, Any]) -> None:
    assert {model["name"] for model in models(manifest, "marts")} == {
        *("fct_meter_hourly", "fct_energy_hourly", "fct_energy_daily", "fct_energy_monthly"),
        *("performance_by_type", "performance_by_level", "performance_by_item"),
        *("comprehensive_energy", "comprehensive_energy_composition", "reading_events"),
        *("dim_sites", "dim_energies", "dim_energy_coefficients", "dim_flows", "dim_meters"),
        *("dim_org_units", "dim_equipment"),
        *("meter_status", "calibration_due", "certificate_due", "equipping_rate", "meter_statistics"),
        *("equipment_efficiency", "equipment_checks"),
        *("closed_energy_monthly", "closed_performance", "closed_comprehensive_energy"),
        *("closed_comprehensive_energy_composition", "closed_period_differences", "period_versions"),
        *("upload_values", "upload_status", "upload_coverage", "upload_exchange_daily", "data_quality_index"),
    }


def test_every_mart_states_its_grain_and_holds_it(manifest: dict[str, Any]) -> None:
    held = {
        test["attached_node"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and test["test_metadata"]["name"] == "unique_grain"
    }
    for model in models(manifest, "marts"):
        assert model["description"].startswith("One row per "), model["name"]
        assert model["unique_id"] in held, model["name"]


def test_every_mart_is_public_with_an_enforced_contract(manifest: dict[str, Any]) -> None:
    for model in models(manifest, "marts"):
        assert model["access"] == "public", model["name"]
        assert model["contract"]["enforced"], model["name"]
        for column in model["columns"].values():
            assert column["data_type"], (model["name"], column["name"])
            assert column["description"], (model["name"], column["name"])
        assert "site_code" in model["columns"], model["name"]


def test_every_mart_has_a_unit_test_and_an_exposure(manifest: dict[str, Any]) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    shown = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    for model in models(manifest, "marts"):
        assert model["name"] in tested, model["name"]
        assert model["unique_id"] in shown, model["name"]


def test_every_model_says_its_grain(manifest: dict[str, Any]) -> None:
    for model in models(manifest, "intermediate"):
        assert model["description"].startswith("One row per "), model["name"]


# Facts in which one key may stand several times (null among its columns), or that are small and read as a whole.
FACTS_WITHOUT_UNIQUE_INDEX = {
    *("int_performance__by_level", "int_performance__by_item", "int_energies__intake", "int_energies__windows"),
    *(
        "int_energies__windows_of_flows",
        "int_meters__windows",
        "int_flows__windows",
        "int_erp__documents",
        "int_readings__rejected",
    ),
    *("reading_events", "comprehensive_energy_composition"),
}


def test_everything_above_staging_is_a_fact_or_a_view(manifest: dict[str, Any]) -> None:
    for layer in ("intermediate", "marts"):
        for model in models(manifest, layer):
            # Snapshots of closed months are appended to and never written again (decision 0010).
            kinds = ("incremental", "view") if model["path"].startswith("marts/closing/") else ("fact", "view")
            assert model["config"]["materialized"] in kinds, model["name"]


def test_every_fact_has_a_contract_a_site_and_an_index(manifest: dict[str, Any]) -> None:
    facts = [model for model in models(manifest) if model["config"]["materialized"] == "fact"]
    assert len(facts) >= 20
    without = set()
    for model in facts:
        assert model["contract"]["enforced"], model["name"]
        site = model["columns"]["site_code"]
        assert [constraint["type"] for constraint in site["constraints"]] == ["not_null"], model["name"]
        indexes = model["config"].get("indexes", [])
        # The quarantine's table and its indexes are the migrations'.
        assert indexes or model["name"] == "int_readings__rejected", model["name"]
        for index in indexes:
            assert index["columns"][0] == "site_code", model["name"]
        if not any(index.get("unique") for index in indexes):
            without.add(model["name"])
    assert without == FACTS_WITHOUT_UNIQUE_INDEX


def test_what_a_fact_holds_it_deletes_first_or_compares_with(manifest: dict[str, Any]) -> None:
    """A fact is not made anew, so that a build that inserted without deleting would count twice."""
    for model in models(manifest):
        if model["config"]["materialized"] == "fact":
            deletes = [hook for hook in model["config"]["pre-hook"] if "delete" in hook["sql"].lower()]
            is_compared = "except" in model["raw_code"].lower()
            assert deletes or is_compared, model["name"]


def test_no_fact_reads_one_of_a_later_stage(manifest: dict[str, Any]) -> None:
    """Stages run one after the other when several processes build: all that a fact reads has to stand by then."""
    nodes = {node["unique_id"]: node for node in models(manifest)}
    stage = {}
    for name, node in nodes.items():
        if node["config"]["materialized"] == "fact":
            [tag] = [one for one in node["tags"] if one in passes.STAGES]
            stage[name] = passes.STAGES.index(tag)

    def facts_above(name: str) -> set[str]:
        above: set[str] = set()
        for parent in nodes[name]["depends_on"]["nodes"]:
            if parent in nodes:
                above |= {parent} if parent in stage else facts_above(parent)
        return above

    wrong = [
        f"{nodes[name]['name']} reads {nodes[parent]['name']}"
        for name in stage
        for parent in facts_above(name)
        if stage[parent] > stage[name]
    ]
    assert wrong == []


def test_only_staging_reads_sources_and_only_the_schemas_we_write(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        sources = [name for name in model["depends_on"]["nodes"] if name.startswith("source.")]
        assert not sources or model["path"].startswith("staging/"), model["name"]
    assert {source["schema"] for source in manifest["sources"].values()} == SCHEMAS_READ


def test_staging_models_are_named_for_their_source(manifest: dict[str, Any]) -> None:
    for model in models(manifest, "staging"):
        system = model["path"].split("/")[1]
        assert re.fullmatch(rf"stg_{system}__[a-z0-9_]+", model["name"]), model["name"]
        assert model["config"]["materialized"] == "view", model["name"]


def test_no_column_is_described_twice() -> None:
    texts = re.findall(r"{% docs (\w+) %}", (PROJECT / "models/marts/columns.md").read_text(encoding="utf-8"))
    assert len(texts) == len(set(texts))
    for file in (PROJECT / "models/marts").rglob("_*.yml"):
        if "unit_tests" not in file.name:
            written = re.findall(
                r"- name: \w+\n\s+data_type: .*\n\s+description: (.*)", file.read_text(encoding="utf-8")
            )
            assert written, file
            assert all(text.startswith('"{{ doc(') for text in written), file


def test_no_python_module_that_dbt_would_take_for_a_plugin() -> None:
    rooms = ("dags", "dashboards", "dbt_project", "ingestion", "plugins", "quality", "tests")
    assert not [path for room in rooms for path in (ROOT / room).rglob("dbt_*.py")]
    assert not (PROJECT / "__init__.py").exists()
