"""Data Docs: the pages of the last runs as plain files, readable without any outside address.

Great Expectations' own pages fetch styles and scripts from the internet, which a plant does not reach,
and its index is drawn by such a script. The pages keep their content, lose those links, speak Chinese,
and open with what was found, in the same words as ops.quality_results.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from filelock import FileLock

from ingestion import settings
from quality.thresholds import DATA_DOCS_RUNS, RECORDED_FAILURES
from quality.validation import Validation
from quality.verdict import Outcome

STYLE_SHEET = Path(__file__).resolve().parent / "data_docs.css"
TITLES = {"batch": "批次入库检查", "marts": "数据集市检查"}
_OUTSIDE = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^>]*>\s*</script>"
    r"|<link\b[^>]*\bhref=\"https?://[^>]*>"
    r"|<img\b[^>]*\bsrc=\"https?://[^>]*>"
    r"|<footer\b.*?</footer>"
    r"|url\('https?://[^']*'\)"
    r"|\bhref=\"[^\"]*/expectations/[^\"]*\"",  # pages of suites are not published: suites are code
    re.DOTALL | re.IGNORECASE,
)
SUITES = {
    "batches": "批次",
    "batch_meters": "批次各表",
    "batch_months": "日报与月报",
    "meter_conservation": "表计守恒",
    "flow_conservation": "能流守恒",
    "meter_days": "每日完整率",
    "node_closure": "节点平衡",
    "level_closure": "分级平衡",
    "purchase_months": "计量与 ERP",
    "mart_freshness": "时效",
}
SEVERITIES = {"critical": "严重", "warning": "警告", "info": "提示"}
WORDS = {
    "Overview": "概况",
    "Expectation Suite:": "检查组：",
    "Status:": "结果：",
    "Failed": "未通过",
    "Succeeded": "通过",
    "Statistics": "统计",
    "Evaluated Expectations": "检查项",
    "Successful Expectations": "通过项",
    "Unsuccessful Expectations": "未通过项",
    "Success Percent": "通过率",
    "Status": "结果",
    "Expectation": "检查",
    "Observed Value": "实际值",
    "Unexpected Value": "异常值",
    "Count": "个数",
}
"""What the pages of Great Expectations say around our own descriptions."""

_WORD = re.compile(r">(\s*)(" + "|".join(map(re.escape, WORDS)) + r")(\s*)<")
_HEAD_END = re.compile(r"</head>", re.IGNORECASE)
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)


def publish(gate: str, run_id: str, now: datetime, validation: Validation) -> Path:
    """Write the run's pages and the index; forget runs beyond the last DATA_DOCS_RUNS."""
    root = settings.load().data_docs
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        folder = root / "runs" / _file_name(f"{run_id}-{gate}")
        folder.mkdir(parents=True, exist_ok=True)
        for suite, page in validation.pages.items():
            outcomes = [one for one in validation.outcomes if one.suite == suite]
            (folder / f"{suite}.html").write_text(_page(page, suite, run_id, now, outcomes), encoding="utf-8")
        summary = {
            "run_id": run_id,
            "title": TITLES[gate],
            "at": now.isoformat(timespec="seconds"),
            "suites": list(validation.pages),
            "expectations": len(validation.outcomes),
            "failed": {
                severity: sum(1 for one in validation.outcomes if one.failures and one.severity == severity)
                for severity in ("critical", "warning", "info")
            },
        }
        (folder / "run.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
        _write_index(root)
    return folder


def _page(page: str, suite: str, run_id: str, now: datetime, outcomes: Sequence[Outcome]) -> str:
    """The page of a suite, with what was found on top."""
    page = _WORD.sub(lambda found: f">{found[1]}{WORDS[found[2]]}{found[3]}<", _OUTSIDE.sub("", page))
    page = _HEAD_END.sub('<link rel="stylesheet" href="../../style.css"></head>', page, count=1)
    top = (
        f'<p><a href="../../index.html">数据质量检查</a></p><h1>{html.escape(SUITES.get(suite, suite))}</h1>'
        f"<p>{_time(now.isoformat())}，{html.escape(run_id)}</p>"
        "<table><thead><tr><th>检查</th><th>级别</th><th>检查数</th><th>结果</th></tr></thead><tbody>"
        + "".join(map(_outcome_row, outcomes))
        + "</tbody></table>"
    )
    return _BODY.sub(lambda found: found[0] + top, page, count=1)


def _outcome_row(outcome: Outcome) -> str:
    told = "通过"
    if outcome.failures:
        shown = [outcome.sentence(failure) for failure in outcome.failures[:RECORDED_FAILURES]]
        rest = len(outcome.failures) - len(shown)
        told = "<br>".join(map(html.escape, shown)) + (f"<br>另有 {rest} 项" if rest else "")
    return (
        f'<tr class="{"failed" if outcome.failures else "passed"}"><td>{html.escape(outcome.description)}</td>'
        f"<td>{SEVERITIES[outcome.severity]}</td><td>{outcome.element_count}</td><td>{told}</td></tr>"
    )


def _time(stamp: str) -> str:
    """An instant in the zone that most sites are in; a page has no site of its own."""
    return datetime.fromisoformat(stamp).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M")


def _file_name(run_id: str) -> str:
    """Airflow's run ids hold colons and plus signs; a path keeps to letters, digits, dot and dash."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", run_id).lstrip(".") or "run"


def _write_index(root: Path) -> None:
    runs: list[tuple[str, Path, dict[str, Any]]] = []
    for folder in (root / "runs").iterdir():
        if (folder / "run.json").is_file():
            summary = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            runs.append((summary["at"], folder, summary))
    runs.sort(key=lambda run: (run[0], run[1].name), reverse=True)
    for _, folder, _ in runs[DATA_DOCS_RUNS:]:
        shutil.rmtree(folder, ignore_errors=True)
    rows = "\n".join(_index_row(folder, summary) for _, folder, summary in runs[:DATA_DOCS_RUNS])
    shutil.copyfile(STYLE_SHEET, root / "style.css")
    draft = root / "index.new"
    draft.write_text(
        '<!DOCTYPE html>\n<html lang="zh"><head><meta charset="utf-8"><title>数据质量检查</title>'
        '<link rel="stylesheet" href="style.css"></head><body class="index"><h1>数据质量检查</h1>'
        f"<p>最近 {DATA_DOCS_RUNS} 次检查；全部结果在 ops.quality_results。</p>"
        "<table><thead><tr><th>时间</th><th>检查</th><th>结果</th><th>严重</th><th>警告</th><th>提示</th>"
        f"<th>明细</th></tr></thead><tbody>\n{rows}\n</tbody></table></body></html>\n",
        encoding="utf-8",
    )
    draft.replace(root / "index.html")


def _index_row(folder: Path, summary: dict[str, Any]) -> str:
    failed = summary["failed"]
    state, word = ("failed", "未通过") if failed["critical"] else ("passed", "通过")
    links = " ".join(
        f'<a href="runs/{folder.name}/{html.escape(suite)}.html">{html.escape(SUITES.get(suite, suite))}</a>'
        for suite in summary["suites"]
    )
    return (
        f'<tr class="{state}"><td>{_time(summary["at"])}</td>'
        f"<td>{html.escape(summary['title'])}<br><small>{html.escape(summary['run_id'])}</small></td>"
        f"<td>{word}</td><td>{failed['critical']}</td><td>{failed['warning']}</td><td>{failed['info']}</td>"
        f"<td>{links}</td></tr>"
    )
