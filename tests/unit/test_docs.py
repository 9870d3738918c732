"""What the documents name exists: links, anchors, make targets, commands, variables, tables, columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click import Context, Group

from ingestion.settings import REPOSITORY
from plugins.operations.cli import cli

DOCUMENTS = sorted(
    [
        *(REPOSITORY / name for name in ("README.md", "README.zh.md", "CHANGELOG.md")),
        *(REPOSITORY / "docs").rglob("*.md"),
    ]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```\w*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def code_of(document: Path) -> list[str]:
    """Lines of code blocks and spans of code."""
    found = [block or span for block, span in CODE.findall(text_of(document))]
    return [line for part in found for line in part.splitlines()]


def anchors_of(document: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    outside = re.sub(r"```.*?```", "", text_of(document), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def ids(document: Path) -> str:
    return str(document.relative_to(REPOSITORY))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(text_of(document)):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert target.is_relative_to(REPOSITORY), link
        if anchor:
            assert anchor in anchors_of(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_make_targets_exist(document: Path) -> None:
    makefile = text_of(REPOSITORY / "Makefile")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert phony
    targets = set(phony[1].split())
    for line in code_of(document):
        for words in re.findall(r"(?:^|&& )make((?: [A-Z]+=\S+)* [a-z]+)", line):
            assert words.split()[-1] in targets, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_commands_and_their_options_exist(document: Path) -> None:
    context = Context(cli)
    for line in code_of(document):
        for name, rest in re.findall(r"(?:^|[ (/])nengduan ([a-z][a-z-]*)([^)#&>\"]*)", line):
            command = cli.get_command(context, name)
            assert command is not None, line
            if isinstance(command, Group):
                subcommand = command.get_command(context, rest.split()[0].strip("`,"))
                assert subcommand is not None, line
                command = subcommand
            known = {flag for option in command.params for flag in option.opts} | {"--help"}
            assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= known, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_variables_are_read_somewhere(document: Path) -> None:
    sources = [
        *(path for room in ("ingestion", "plugins", "dashboards") for path in (REPOSITORY / room).rglob("*.py")),
        REPOSITORY / ".env.example",
    ]
    known = set(re.findall(r"NENGDUAN_\w+", "\n".join(text_of(path) for path in sources)))
    assert set(re.findall(r"NENGDUAN_\w+", text_of(document))) <= known


def test_the_readme_says_the_same_in_both_languages() -> None:
    """Same links, same commands, same tables row by row."""
    english, chinese = text_of(REPOSITORY / "README.md"), text_of(REPOSITORY / "README.zh.md")
    swapped = {"README.zh.md": "README.md", "#the-sample-plant": "#示例企业"}
    assert [swapped.get(link, link) for link in LINK.findall(english)] == LINK.findall(chinese)
    assert english.count("\n| ") == chinese.count("\n| ")
    assert english.count("\n## ") == chinese.count("\n## ")
    named = re.compile(r"`((?:make|nengduan) [^`]+|NENGDUAN_[^`]+|[a-z_]+_[a-z_]+|[a-z]+\.csv)`")
    assert sorted(named.findall(english)) == sorted(named.findall(chinese))


def mart_columns() -> dict[str, set[str]]:
    """Columns of every public mart, from dbt's own descriptions."""
    found = {}
    for path in (REPOSITORY / "dbt_project" / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(text_of(path)).get("models", []):
            found[model["name"]] = {column["name"] for column in model["columns"]}
    return found


def test_the_contract_lists_the_marts_and_their_columns() -> None:
    columns = mart_columns()
    section = text_of(REPOSITORY / "docs" / "contract.md").split("\n## 3. ")[1].split("\n## 4. ")[0]
    listed = set()
    for row in re.findall(r"^\| `.+\|$", section, flags=re.MULTILINE):
        first, *others = row.strip("|").split("|")
        tables = re.findall(r"`(\w+)`", first)
        listed |= set(tables)
        for table in tables:
            assert table in columns, f"{table} is no mart"
            named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", " ".join(others)))
            assert named <= columns[table], f"{table}: {sorted(named - columns[table])}"
    assert listed == set(columns)
