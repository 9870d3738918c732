"""What must hold before Superset sees the assets: its own import hides its reasons.

`faults` needs the files only; `column_faults` asks the warehouse, with the rights of the
role that Superset will use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from dashboards.assets import DATABASE, Asset, Assets, uuid_of

Labels = dict[str, dict[str, dict[str, str]]]


def faults(assets: Assets, labels: Labels) -> list[str]:
    """Every contradiction within the files, one line each; empty when they are sound."""
    return [*_identities(assets), *_datasets(assets, labels), *_charts(assets), *_dashboards(assets)]


def column_faults(assets: Assets, connection: psycopg.Connection) -> list[str]:
    """Every column that a dataset declares and its SQL does not give, one line each."""
    found = []
    for path, dataset in _of_kind(assets, "datasets"):
        query = sql.SQL("select * from ({}) as dataset limit 0").format(sql.SQL(dataset["sql"]))
        try:
            with connection.transaction():
                description = connection.execute(query).description or []
        except psycopg.Error as error:
            found.append(f"{path}: its SQL fails: {str(error).strip().splitlines()[0]}")
            continue
        given = {column.name for column in description}
        found += [
            f"{path}: column {name} is not in the result of its SQL" for name in sorted(_columns(dataset) - given)
        ]
    return found


def _of_kind(assets: Assets, kind: str) -> Iterator[tuple[str, Asset]]:
    return ((path, asset) for path, asset in assets.items() if path.startswith(f"{kind}/"))


def _columns(dataset: Asset) -> set[str]:
    return {column["column_name"] for column in dataset["columns"]}


def _metrics(dataset: Asset) -> set[str]:
    return {metric["metric_name"] for metric in dataset["metrics"]}


def _identities(assets: Assets) -> Iterator[str]:
    for path, asset in assets.items():
        if asset.get("uuid") != uuid_of(path):
            yield f"{path}: uuid is {asset.get('uuid')}, its file name gives {uuid_of(path)}"
    for value, count in Counter(asset.get("uuid") for asset in assets.values()).items():
        if count > 1:
            yield f"uuid {value} is used {count} times"
    for kind, title in (("charts", "slice_name"), ("datasets", "table_name"), ("dashboards", "slug")):
        for value, count in Counter(asset[title] for _, asset in _of_kind(assets, kind)).items():
            if count > 1:
                yield f"{kind}: {title} {value} is used {count} times"
    for path, asset in assets.items():
        if "password" in asset or "sqlalchemy_uri" in asset:
            yield f"{path}: a connection or password does not belong in a file"


def _datasets(assets: Assets, labels: Labels) -> Iterator[str]:
    for path, dataset in _of_kind(assets, "datasets"):
        if dataset["database_uuid"] != assets[DATABASE]["uuid"]:
            yield f"{path}: database_uuid is not the one of {DATABASE}"
        for kind, names in (("columns", _columns(dataset)), ("metrics", _metrics(dataset))):
            for name in sorted(names - set(labels[kind])):
                yield f"{path}: {name} has no Chinese name under {kind} in labels.yaml"
        if dataset["main_dttm_col"] not in {None, *_columns(dataset)}:
            yield f"{path}: main_dttm_col {dataset['main_dttm_col']} is not one of its columns"


def _charts(assets: Assets) -> Iterator[str]:
    by_uuid = {dataset["uuid"]: dataset for _, dataset in _of_kind(assets, "datasets")}
    for path, chart in _of_kind(assets, "charts"):
        dataset = by_uuid.get(chart["dataset_uuid"])
        if dataset is None:
            yield f"{path}: dataset_uuid {chart['dataset_uuid']} is no dataset of ours"
            continue
        params = chart["params"]
        if params["viz_type"] != chart["viz_type"]:
            yield f"{path}: viz_type differs between the chart and its params"
        for name in sorted(_named(params, ("metrics", "metric", "timeseries_limit_metric")) - _metrics(dataset)):
            yield f"{path}: metric {name} is not in its dataset"
        columns = _named(params, ("groupby", "all_columns"))
        columns |= {clause["subject"] for clause in params["adhoc_filters"] if "subject" in clause}
        x_axis = params.get("x_axis")
        for name in sorted(columns | ({x_axis} if x_axis else set()) - _columns(dataset)):
            if name not in _columns(dataset):
                yield f"{path}: column {name} is not in its dataset"


def _named(params: dict[str, Any], keys: tuple[str, ...]) -> set[str]:
    """Saved metrics or columns that a chart names under these keys."""
    names: set[str] = set()
    for key in keys:
        value = params.get(key) or []
        names |= {value} if isinstance(value, str) else set(value)
    return names


def _dashboards(assets: Assets) -> Iterator[str]:
    charts = {chart["uuid"]: chart for _, chart in _of_kind(assets, "charts")}
    datasets = {dataset["uuid"]: dataset for _, dataset in _of_kind(assets, "datasets")}
    for path, dashboard in _of_kind(assets, "dashboards"):
        position = {key: part for key, part in dashboard["position"].items() if isinstance(part, dict)}
        placed = [part["meta"] for part in position.values() if part["type"] == "CHART"]
        for meta in placed:
            if meta["uuid"] not in charts:
                yield f"{path}: places chart {meta['uuid']}, which is no chart of ours"
            elif meta["sliceName"] != charts[meta["uuid"]]["slice_name"]:
                yield f"{path}: calls chart {meta['uuid']} by another name, {meta['sliceName']}"
        numbers = {meta["chartId"] for meta in placed}
        if len(numbers) < len(placed):
            yield f"{path}: two charts have the same chartId"
        reached = {"ROOT_ID", "HEADER_ID"} | {child for part in position.values() for child in part.get("children", [])}
        for key in sorted(set(position) ^ reached):
            yield f"{path}: {key} is placed nowhere or does not exist"
        for item in dashboard["metadata"]["native_filter_configuration"]:
            yield from (
                f"{path}: filter {item['name']}: {fault}" for fault in _filter(item, datasets, position, numbers)
            )


def _filter(item: Asset, datasets: dict[str, Asset], position: Asset, numbers: set[int]) -> Iterator[str]:
    for target in item["targets"]:
        if not target:
            continue  # the time range has no column of its own
        dataset = datasets.get(target["datasetUuid"])
        if dataset is None:
            yield f"dataset {target['datasetUuid']} is no dataset of ours"
            continue
        if target["column"]["name"] not in _columns(dataset):
            yield f"column {target['column']['name']} is not in its dataset"
        if item.get("sortMetric") and item["sortMetric"] not in _metrics(dataset):
            yield f"sortMetric {item['sortMetric']} is not in its dataset"
    for part in item["scope"]["rootPath"]:
        if part not in position:
            yield f"scope {part} is not a part of the dashboard"
    for number in sorted(set(item["scope"]["excluded"]) - numbers):
        yield f"excludes chart {number}, which is not on the dashboard"
