"""`nengduan correct`: readings corrected by hand, through the same gates and the same computation as files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestion import warehouse
from ingestion.authorship import Author, operator
from plugins.operations.load import SHOWN_ROWS, logged, told

if TYPE_CHECKING:
    from ingestion.corrections import Correction
    from ingestion.package import ReadingsSource
    from plugins.operations.pipeline import LoadReport


# A value may be negative: an option that is not known is taken for an argument.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("site")
@click.argument("reading", nargs=-1, metavar="[METER READ_AT VALUE]")
@click.option("--why", default="", metavar="TEXT", help="Why; required, and kept with the correction.")
@click.option("--by", "name", default="", metavar="NAME", help="Who corrects.  [default: the user of this shell]")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Many at once, all or none: meter_code, read_at, value, as in a readings file.",
)
def correct(site: str, reading: tuple[str, ...], why: str, name: str, path: Path | None) -> None:
    """Correct one reading of a meter, or those of a file.

    READ_AT is ISO 8601; without an offset it is in the site's timezone. VALUE is what the meter showed, before
    the multiplier. The old value stays in raw.readings; ops.reading_corrections lists both.

    Ends with 0 only when every stage passed and the new values count.
    """
    from plugins.operations.progress import Progress
    from plugins.operations.server import ensure_database

    open_source = _source(reading, path)
    author = Author(name.strip() or operator().name, why.strip() or None)
    progress = Progress()
    settings = ensure_database(progress.line)
    with logged(settings) as log_path:
        from plugins.operations.pipeline import run_corrections

        report = run_corrections(open_source, site, author, announce=progress.step)
        lines = told(report, log_path, "更正")
        set_aside = _set_aside(report)
    click.echo("\n".join([*lines, *_changes(report, author, set_aside)]))
    sys.exit(0 if report.is_passed and not set_aside else 1)


def _source(reading: Sequence[str], path: Path | None) -> Callable[[], ReadingsSource]:
    """What opens the corrections asked for: three arguments, or a file, but not both."""
    from ingestion import corrections
    from ingestion.package import READING_SUFFIXES, PackageFile
    from ingestion.readings import READINGS

    if path is None and len(reading) == 3:
        return partial(corrections.single, *reading)
    if path is None:
        raise click.UsageError(
            "请给出 SITE METER READ_AT VALUE 四项（时间含空格时加引号），或用 --file 指定文件；"
            f"SITE 之后现有 {len(reading)} 项。"
        )
    if reading:
        raise click.UsageError(f"用了 --file，就不要再写单个读数或别的选项（{' '.join(reading)}）。")
    if not path.name.lower().endswith(READING_SUFFIXES):
        raise click.UsageError(f"{path.name}：更正文件应为 {'、'.join(READING_SUFFIXES)}。")
    return PackageFile(path.name, READINGS, path.absolute()).open_readings


def _set_aside(report: LoadReport) -> dict[int, str]:
    """Corrections that landed and that a rule of the computation refuses: reason by line."""
    with warehouse.connect("audit") as connection:
        rows = connection.execute(
            "select line, reason from quarantine.rejected_rows where batch_id = any(%s) order by line",
            [[one.batch_id for one in report.batches]],
        ).fetchall()
    return dict(rows)


def _changes(report: LoadReport, author: Author, set_aside: dict[int, str]) -> list[str]:
    """Before and after, who and why."""
    if not report.corrections:
        return ["", "没有更正任何读数。"]
    batch = report.batches[0]
    lines = ["", f"更正（{len(report.corrections)}）："]
    for one in report.corrections[:SHOWN_ROWS]:
        lines.append(f"  {_change(one)}")
        if reason := set_aside.get(one.line):
            lines.append(f"    按规则不被采用：{reason}")
    if len(report.corrections) > SHOWN_ROWS:
        lines.append(f"  另有 {len(report.corrections) - SHOWN_ROWS} 条，见 ops.reading_corrections。")
    lines.append(f"  更正人 {author.name}，原因：{author.reason}，批次 #{batch.batch_id}")
    if set_aside:
        lines.append("  不被采用的更正已登记，原值也不再计入；请核对后再次更正。")
    return lines


def _change(one: Correction) -> str:
    from ingestion.corrections import shown_instant, shown_value

    old = " / ".join(map(shown_value, one.old_values))
    return (
        f"{one.meter_code}  {shown_instant(one.read_at)}  {old} → {shown_value(one.new_value)}"
        f"（修订 {one.old_revision} → {one.new_revision}，原值在批次 #{one.old_batch_id}）"
    )
