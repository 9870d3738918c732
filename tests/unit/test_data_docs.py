"""Data Docs: retention, names of run folders, nothing fetched from outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quality import data_docs
from quality.thresholds import DATA_DOCS_RUNS
from quality.validation import Validation
from quality.verdict import Outcome

NOW = datetime(2026, 6, 10, tzinfo=UTC)
PAGE = (
    '<html><head><script src="https://cdn.example/x.js"></script>'
    '<link rel="stylesheet" href="https://cdn.example/x.css"><style>a{background:url(\'https://x.example/i.png\')}'
    '</style></head><body>读数<h5>Status: </h5><a href="../../expectations/batches.html">s</a>'
    "<img\n class='a' src=\"https://x.example/logo.png\"><footer>x</footer></body></html>"
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NENGDUAN_HOME", str(tmp_path))
    return tmp_path / "data_docs"


def publish(run_id: str, now: datetime = NOW, failures: tuple[dict[str, str], ...] = ()) -> Path:
    outcome = Outcome("batches", "unit_is_right", "说明", "critical", "句子", 1, failures)
    return data_docs.publish("batch", run_id, now, Validation((outcome,), {"batches": PAGE}))


def test_only_the_last_runs_are_kept(root: Path) -> None:
    for number in range(DATA_DOCS_RUNS + 3):
        publish(f"run-{number}", NOW + timedelta(minutes=number))
    kept = {folder.name for folder in (root / "runs").iterdir()}
    assert kept == {f"run-{number}-batch" for number in range(3, DATA_DOCS_RUNS + 3)}
    index = (root / "index.html").read_text(encoding="utf-8")
    assert "run-2<" not in index
    assert f"run-{DATA_DOCS_RUNS + 2}<" in index


def test_a_run_that_failed_says_so(root: Path) -> None:
    publish("good")
    publish("bad", failures=({"batch_id": "1"},))
    index = (root / "index.html").read_text(encoding="utf-8")
    assert '<tr class="failed">' in index
    assert '<tr class="passed">' in index


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "..", "scheduled__2026-01-01T00:00:00+08:00", "<b>", "/", "中"])
def test_run_ids_become_plain_folder_names(root: Path, run_id: str) -> None:
    folder = publish(run_id)
    assert folder.parent == root / "runs"
    assert folder.resolve().parent == (root / "runs").resolve()
    assert "<b>" not in (root / "index.html").read_text(encoding="utf-8")


def test_pages_fetch_nothing_from_outside(root: Path) -> None:
    page = (publish("run") / "batches.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert "读数" in page
    assert 'href="../../style.css"' in page
    assert "<h1>批次</h1>" in page
    assert "结果：" in page
    assert "expectations" not in page


def test_what_was_found_stands_on_top_and_is_escaped(root: Path) -> None:
    outcome = Outcome("batches", "x", "说明", "warning", "文件 {file} 有误", 3, ({"file": "<b>a.csv"},))
    folder = data_docs.publish("batch", "run", NOW, Validation((outcome,), {"batches": PAGE}))
    page = (folder / "batches.html").read_text(encoding="utf-8")
    assert "文件 &lt;b&gt;a.csv 有误" in page
    assert page.index("文件 &lt;b&gt;") < page.index("读数")
    assert "2026-06-10 08:00" in page
    assert (root / "style.css").is_file()
