"""What a load says: problems in words, refused rows, and dbt's failures by name."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from plugins.operations import building, load, pipeline
from plugins.operations.drop import problems
from quality.verdict import Finding, Outcome, Verdict, tell

HELD = Verdict("run", 7, (Finding("unit_is_right", "critical", "单位不对"), Finding("x", "warning", "缺数")))
GOOD = Verdict("run", 8, (Finding("x", "warning", "缺数"),))


def report(file: str = "a.csv", **values: Any) -> Any:
    return SimpleNamespace(
        **{
            "batch_id": 7, "kind": "readings", "file": file, "status": "landed", "rows_total": 3, "rows_landed": 2,
            "rows_rejected": 1, "status_reason": None, "is_repeat": False, **values,
        }
    )  # fmt: skip


def test_only_critical_findings_fail_a_verdict() -> None:
    assert not HELD.is_passed
    assert HELD.reason == "单位不对"
    assert GOOD.is_passed
    assert GOOD.reason is None


def test_many_findings_are_counted() -> None:
    assert tell(["a", "b"]) == "a；b"
    assert tell([str(number) for number in range(8)]) == "0；1；2；3；4；另有 3 项"
    outcome = Outcome("s", "e", "d", "critical", "表 {meter_code} 缺 {days} 天", 1)
    assert outcome.sentence({"meter_code": "M1", "days": 2}) == "表 M1 缺 2 天"


def test_refused_files_and_held_batches_are_problems() -> None:
    assert pipeline.refusals([report()]) is None
    assert pipeline.refusals([report(status="refused", status_reason="a.csv：不完整")]) == "a.csv：不完整"
    assert pipeline.holds([GOOD]) is None
    assert pipeline.holds([HELD, GOOD]) == "批次 7 被扣留：单位不对"
    judged = {"packages": ["one"], "accepted": 1, "problems": ["x"]}
    assert problems(judged, ["one"]) == ["x"]
    assert problems(judged, ["one", "two"]) == ["x", "two：导入失败，见 land_package 的日志"]


def test_batches_are_listed_with_the_gates_word() -> None:
    told = pipeline.LoadReport(
        uuid4(),
        batches=[
            report(),
            report("b.csv", batch_id=8, is_repeat=True),
            report("c.csv", batch_id=None, status="refused", status_reason="空"),
        ],
        verdicts={7: HELD, 8: GOOD},
    )  # fmt: skip
    text = "\n".join(load._batches(told))
    assert "#7  读数   a.csv  已扣留（3 行，落库 2，拒收 1）\n          单位不对" in text
    assert "#8  读数   b.csv  已接受（3 行，落库 2，拒收 1，与已导入的文件相同）" in text
    assert "-  读数   c.csv  已拒收" in text


def test_a_load_passes_only_when_every_stage_has() -> None:
    told = pipeline.LoadReport(uuid4(), stages=[pipeline.Stage("ledgers"), pipeline.Stage("build")])
    assert told.is_passed
    assert "导入完成，各步骤均通过。" in load._outcome(told, Path("load.log"))
    told = pipeline.LoadReport(uuid4(), stages=[pipeline.Stage("ledgers"), pipeline.Stage("build", problem="模型出错")])
    assert not told.is_passed
    text = "\n".join(load._outcome(told, Path("load.log")))
    assert "计算能耗：未通过" in text
    assert "模型出错" in text
    assert "load.log" in text


@pytest.mark.parametrize(
    ("batch_ids", "condition"),
    [([5], "batch_id in (5)"), ([3, 4, 5], "batch_id between 3 and 5"), ([3, 5], "batch_id in (3, 5)")],
)
def test_the_query_for_the_rest_stays_short(batch_ids: list[int], condition: str) -> None:
    assert load._ranges(batch_ids) == condition


def test_failed_models_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run_results.json"
    assert building._failures(path) == ""
    path.write_text(
        json.dumps(
            {
                "results": [
                    {"unique_id": "model.nengduan.good", "status": "success", "message": "OK"},
                    {
                        "unique_id": "model.nengduan.bad",
                        "status": "error",
                        "message": "Database Error\n  oops\n",
                    },
                    {"unique_id": "test.nengduan.unique", "status": "fail", "message": "Got 2 results"},
                    {"unique_id": "model.nengduan.next", "status": "skipped", "message": None},
                ]
            }
        )
    )
    assert building._failures(path) == (
        "model.nengduan.bad：Database Error oops；test.nengduan.unique：Got 2 results；另有 1 个节点因此未计算"
    )
