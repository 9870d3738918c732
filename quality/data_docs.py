"""Data Docs: the pages of the last runs as plain files, readable without any outside address.

Great Expectations' own pages fetch styles and scripts from the internet, which a plant does not reach,
and its index is drawn by such a script. The pages keep their content, lose those links and get a style
sheet of ours.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from ingestion import settings
from quality.thresholds import DATA_DOCS_RUNS
from quality.validation import Validation

STYLE_SHEET = Path(__file__).resolve().parent / "data_docs.css"
TITLES = {"batch": "批次入库检查", "marts": "数据集市检查"}
_OUTSIDE = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^>]*>\s*</script>"
    r"|<link\b[^>]*\bhref=\"https?://[^>]*>"
    r"|<img\b[^>]*\bsrc=\"https?://[^>]*>"
    r"|<footer\b.*?</footer>"
    r"|url\('https?://[^']*'\)",
    re.DOTALL | re.IGNORECASE,
)
_HEAD_END = re.compile(r"</head>", re.IGNORECASE)


def publish(gate: str, run_id: str, now: datetime, validation: Validation) -> Path:
    """Write the run's pages and the index; forget runs beyond the last DATA_DOCS_RUNS."""
    root = settings.load().data_docs
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        folder = root / "runs" / _file_name(f"{run_id}-{gate}")
        folder.mkdir(parents=True, exist_ok=True)
        for suite, page in validation.pages.items():
            (folder / f"{suite}.html").write_text(_offline(page), encoding="utf-8")
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


def _offline(page: str) -> str:
    page = _OUTSIDE.sub("", page)
    return _HEAD_END.sub('<link rel="stylesheet" href="../../style.css"></head>', page, count=1)


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
        f'<a href="runs/{folder.name}/{html.escape(suite)}.html">{html.escape(suite)}</a>'
        for suite in summary["suites"]
    )
    return (
        f'<tr class="{state}"><td>{html.escape(summary["at"])}</td>'
        f"<td>{html.escape(summary['title'])}<br><small>{html.escape(summary['run_id'])}</small></td>"
        f"<td>{word}</td><td>{failed['critical']}</td><td>{failed['warning']}</td><td>{failed['info']}</td>"
        f"<td>{links}</td></tr>"
    )
