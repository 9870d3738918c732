"""Runs suites of expectations over query assets in one ephemeral Great Expectations context.

Each asset's query is evaluated once, into a temporary table of a few rows per batch or meter; the
expectations then read that. (A partitioned or whole-table asset would scan the readings once and more for
every expectation.)
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from quality.verdict import GateError, Outcome

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

SUITES = Path(__file__).resolve().parent / "suites"
CONNECTION_VARIABLE = "NENGDUAN_GATE_CONNECTION"
SESSION_OPTIONS = "-c work_mem=64MB -c jit=off"
HASHING = " -c enable_sort=off -c enable_nestloop=off"
"""For what joins all that has just landed, of which there are no statistics yet: the planner expects a few rows then,
and sorts and loops over millions. Wrong for a join that looks up a few rows of many (26 s in place of 0.03); a lateral
subquery looks up as before."""

_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True)
class Asset:
    """A query of ``suites/<name>.sql`` and what is expected of its rows."""

    name: str
    expectations: Callable[[], Sequence[Expectation]]
    columns: tuple[str, ...]
    """Columns that name a row and fill its messages."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_hashing: bool = False
    """See HASHING."""

    def query(self) -> str:
        text = (SUITES / f"{self.name}.sql").read_text(encoding="utf-8")
        sql = Template(_COMMENT.sub("", text)).substitute(self.parameters)
        return f"select * from (\n{sql}\n) as facts"  # noqa: S608 (our own file; parameters are ids, stamps, bounds)


@dataclass(frozen=True)
class Validation:
    outcomes: tuple[Outcome, ...]
    pages: Mapping[str, str]
    """HTML page of Data Docs by suite name."""


def validate(assets: Sequence[Asset], connection_url: str, run_id: str) -> Validation:
    """Judge every asset; raises GateError when an expectation could not be evaluated."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(),
                progress_bars=ProgressBarsConfig(globally=False),
                analytics_enabled=False,
            ),
        )
        # By reference, so that the password is in no configuration that a result could carry along.
        os.environ[CONNECTION_VARIABLE] = connection_url.replace("postgresql://", "postgresql+psycopg://", 1)
        sources = {
            is_hashing: context.data_sources.add_postgres(
                "warehouse, hashing" if is_hashing else "warehouse",
                connection_string=f"${{{CONNECTION_VARIABLE}}}?"
                + urlencode({"options": SESSION_OPTIONS + (HASHING if is_hashing else "")}, quote_via=quote),
                create_temp_table=True,
            )
            for is_hashing in {asset.is_hashing for asset in assets}
        }
        try:
            outcomes: list[Outcome] = []
            pages: dict[str, str] = {}
            for asset in assets:
                query = sources[asset.is_hashing].add_query_asset(asset.name, query=asset.query())
                batch = query.add_batch_definition_whole_table(asset.name)
                suite = context.suites.add(
                    gx.ExpectationSuite(name=asset.name, expectations=list(asset.expectations()))
                )
                definition = context.validation_definitions.add(
                    gx.ValidationDefinition(name=asset.name, data=batch, suite=suite)
                )
                result = definition.run(
                    run_id=RunIdentifier(run_name=run_id),
                    result_format={
                        "result_format": "COMPLETE",
                        "unexpected_index_column_names": list(asset.columns),
                    },
                )
                outcomes.extend(_outcome(asset, one) for one in result.results)
                pages[asset.name] = _page(result)
        finally:
            del os.environ[CONNECTION_VARIABLE]
            for source in sources.values():
                source.get_engine().dispose()
    return Validation(tuple(outcomes), pages)


def _outcome(asset: Asset, result: Any) -> Outcome:
    config = result.expectation_config
    exceptions = [
        info.get("exception_message")
        for info in _exception_infos(result.exception_info)
        if info.get("raised_exception")
    ]
    if exceptions:
        raise GateError(f"{asset.name}: {config.type}: {exceptions[0]}")
    failures = tuple(result.result.get("unexpected_index_list") or ())
    if not result.success and not failures:
        raise GateError(f"{asset.name}: {config.type} failed without naming a row")
    return Outcome(
        suite=asset.name,
        expectation=config.meta["name"],
        description=config.description,
        severity=str(getattr(config.severity, "value", config.severity)),
        message=config.meta["message"],
        element_count=int(result.result.get("element_count") or 0),
        failures=failures,
    )


def _exception_infos(info: Any) -> list[dict[str, Any]]:
    """Great Expectations gives either one such record or one for every metric."""
    if not info:
        return []
    return [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, dict)]


def _page(result: Any) -> str:
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    return str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result)))
