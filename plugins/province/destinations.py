"""Platforms that a site uploads to: which profile, which address, whom we follow, and where its secrets are.

A destination holds no secret. They come from the environment, ``NENGDUAN_UPLOAD_<DESTINATION>_<NAME>``, or from
Airflow's connection ``nengduan_upload_<destination>``: its password, and the strings of its extra.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

SECRETS = ("password", "secretKey", "client_cert", "client_key", "ca_bundle")
"""What a profile may ask for; the last three are paths of PEM files on this machine."""

OWN_OPTIONS = {
    "since": "先于此日的数据不按计划上报（YYYY-MM-DD，默认为添加之日的前一日）",
    "least_coverage_pct": "完整率低于此值的上报项在预检中列出，默认 90",
    "deadline_minutes": "超过上报时刻多少分钟仍未完成即报警，默认 60",
    "slot": "上报时刻 HH:MM，平台未指定时使用，默认 01:30",
    "rows_per_second": "每秒至多发送的条数，默认不限",
}
"""Options of the sender itself; all others are the profile's."""

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
HOST = re.compile(r"[A-Za-z0-9_.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")


class DestinationError(ValueError):
    """A destination that can't be; the message says what to change."""


@dataclass(frozen=True)
class Destination:
    """One row of ops.upload_destinations, with the site's own data beside it."""

    site_code: str
    destination: str
    profile: str
    url: str
    allowed_hosts: Sequence[str]
    is_loopback_http_allowed: bool
    options: Mapping[str, str]
    is_enabled: bool
    created_at: datetime
    enterprise_code: str | None
    region_code: str | None
    timezone: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def profile_options(self) -> dict[str, str]:
        return {name: value for name, value in self.options.items() if name not in OWN_OPTIONS}


_SELECT = """select destinations.site_code, destination, profile, url, allowed_hosts, is_loopback_http_allowed, options,
    is_enabled, created_at, sites.credit_code as enterprise_code, sites.region_code, sites.timezone
from ops.upload_destinations as destinations
inner join ledger.sites as sites on destinations.site_code = sites.site_code"""


def known(connection: psycopg.Connection[Any]) -> list[Destination]:
    """Every destination, without its secrets."""
    with connection.cursor(row_factory=class_row(Destination)) as cursor:
        return cursor.execute(f"{_SELECT} order by destinations.site_code, destination").fetchall()


def get(connection: psycopg.Connection[Any], name: str) -> Destination:
    """One destination with its secrets; raises DestinationError naming those that there are."""
    found = {one.destination: one for one in known(connection)}
    if name not in found:
        raise DestinationError(
            f"没有上报目的地 {name!r}；已有：{'、'.join(found) or '无'}。用 nengduan destination add 添加。"
        )
    one = found[name]
    return Destination(**{**vars(one), "secrets": read_secrets(name)})


def add(
    connection: psycopg.Connection[Any],
    *,
    name: str,
    site: str,
    profile: str,
    url: str,
    allowed_hosts: Sequence[str] = (),
    is_loopback_http_allowed: bool = False,
    options: Mapping[str, str] | None = None,
    by: str,
) -> bool:
    """Add a destination, or give one of the same name and site its new settings; returns whether it is new."""
    options = dict(options or {})
    _check(name, profile, url, allowed_hosts, is_loopback_http_allowed, options)
    row = connection.execute("select credit_code from ledger.sites where site_code = %s", [site]).fetchone()
    if row is None:
        raise DestinationError(f"没有用能单位 {site!r}：先用 nengduan load 导入其台账。")
    if not row[0]:
        raise DestinationError(
            f"用能单位 {site} 没有统一社会信用代码：请在台账 site 的 credit_code 一栏填写，平台以它识别企业。"
        )
    owner = connection.execute(
        "select site_code from ops.upload_destinations where destination = %s and site_code <> %s", [name, site]
    ).fetchone()
    if owner:
        raise DestinationError(f"名称 {name} 已由用能单位 {owner[0]} 使用，请换一个名称。")
    added = connection.execute(
        """insert into ops.upload_destinations as destinations (site_code, destination, profile, url, allowed_hosts,
            is_loopback_http_allowed, options, created_by)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (site_code, destination) do update set profile = excluded.profile, url = excluded.url,
            allowed_hosts = excluded.allowed_hosts, is_loopback_http_allowed = excluded.is_loopback_http_allowed,
            options = excluded.options, is_enabled = true
        returning xmax = 0""",
        [site, name, profile, url, list(allowed_hosts), is_loopback_http_allowed, Jsonb(options), by],
    ).fetchone()
    return bool(added and added[0])


def enable(connection: psycopg.Connection[Any], name: str, *, is_enabled: bool) -> None:
    """Let a destination be served by the DAG, or not; its outbox stays."""
    get(connection, name)
    connection.execute("update ops.upload_destinations set is_enabled = %s where destination = %s", [is_enabled, name])


def read_secrets(name: str) -> dict[str, str]:
    """Secrets of a destination: from the environment, else from Airflow's connection of that name, else none."""
    prefix = f"NENGDUAN_UPLOAD_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}_"
    found = {
        secret: os.environ[prefix + secret.upper()] for secret in SECRETS if os.environ.get(prefix + secret.upper())
    }
    return _from_airflow(name) | found


def _from_airflow(name: str) -> dict[str, str]:
    connection_id = f"nengduan_upload_{re.sub(r'[^A-Za-z0-9_]', '_', name)}"
    if not (os.environ.get("AIRFLOW_HOME") or os.environ.get(f"AIRFLOW_CONN_{connection_id.upper()}")):
        return {}
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return {}
    extra = connection.extra_dejson
    found = {secret: str(extra[secret]) for secret in SECRETS if extra.get(secret)}
    return ({"password": connection.password} if connection.password else {}) | found


def _check(
    name: str,
    profile: str,
    url: str,
    allowed_hosts: Sequence[str],
    is_loopback_http_allowed: bool,
    options: Mapping[str, str],
) -> None:
    from plugins.province import profiles
    from plugins.province.wire import is_loopback

    if not NAME.fullmatch(name):
        raise DestinationError(f"名称 {name!r} 只能由字母、数字、_ . - 组成，至多 64 个。")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise DestinationError(f"地址 {url!r} 应为 https://主机[:端口][/路径]，不含用户名、查询和片段。")
    if parts.scheme == "http" and not (is_loopback_http_allowed and is_loopback(parts.hostname)):
        raise DestinationError(
            f"地址 {url} 不是 https：平台数据只走加密连接。本机的沙箱平台可加 --allow-loopback-http。"
        )
    for host in allowed_hosts:
        if not HOST.fullmatch(host):
            raise DestinationError(f"--allow-host {host!r} 应为 主机 或 主机:端口。")
    for secret in SECRETS:
        if secret in options:
            raise DestinationError(
                f"{secret} 是机密，不能写在命令行：请设环境变量 NENGDUAN_UPLOAD_<名称>_{secret.upper()}，"
                "或 Airflow 连接 nengduan_upload_<名称>。"
            )
    _check_own_options(options)
    profiles.load(profile).check_options({name: value for name, value in options.items() if name not in OWN_OPTIONS})


def _check_own_options(options: Mapping[str, str]) -> None:
    checks = {
        "since": date.fromisoformat,
        "least_coverage_pct": float,
        "deadline_minutes": int,
        "rows_per_second": _pace,
        "slot": lambda text: datetime.strptime(text, "%H:%M"),  # noqa: DTZ007 (a time of day)
    }
    for option, check in checks.items():
        if option not in options:
            continue
        try:
            check(options[option])  # type: ignore[operator]
        except ValueError as error:
            raise DestinationError(f"--option {option}={options[option]} 不对：{OWN_OPTIONS[option]}") from error


def _pace(text: str) -> float:
    pace = float(text)
    if not 0 < pace < 1e6:
        raise ValueError(text)
    return pace
