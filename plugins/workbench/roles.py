"""Roles at the workbench: what each may do, and which a user of Airflow has.

A user with grants in ``ops.workbench_roles`` has those and no others; one without has what Airflow's own role
stands for, at every site. Airflow's administrators always are ours, so that nobody can lock the last one out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class Role(StrEnum):
    """A role at the workbench; the label is what a plant's user reads."""

    VIEWER = "viewer"
    KEEPER = "keeper"
    METERING_MANAGER = "metering_manager"
    ENERGY_MANAGER = "energy_manager"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    Role.VIEWER: "查看人员",
    Role.KEEPER: "台账管理员",
    Role.METERING_MANAGER: "计量负责人",
    Role.ENERGY_MANAGER: "能源负责人",
    Role.AUDITOR: "审查人员",
    Role.ADMIN: "系统管理员",
}

WHOLE_SITE_ROLES = (Role.AUDITOR, Role.ADMIN)
"""Roles that are never limited to an org unit."""

METERING = frozenset({"meters", "meter_events", "verifications", "persons", "trainings", "jjf1051_codes"})
KEPT_BY_UNITS = frozenset(
    {"meters", "meter_events", "verifications", "equipment", "motors", "inspections", "persons", "trainings"}
)
"""Ledgers whose rows belong to an org unit and make up no figure by their structure."""

WRITES: dict[Role, frozenset[str] | None] = {
    Role.VIEWER: frozenset(),
    Role.KEEPER: KEPT_BY_UNITS,
    Role.METERING_MANAGER: METERING,
    Role.ENERGY_MANAGER: None,
    Role.AUDITOR: frozenset(),
    Role.ADMIN: None,
}
"""Ledgers a role may change; None is every one."""

AIRFLOW_ROLES = {
    "admin": Role.ADMIN,
    "op": Role.ENERGY_MANAGER,
    "user": Role.KEEPER,
    "viewer": Role.VIEWER,
    **{role.value: role for role in Role},
}
"""Airflow's roles by name (any case), and roles of FAB that are named as ours."""


@dataclass(frozen=True)
class Grant:
    """A role at a site, or at every one (None), for a unit with all below it, or for the whole site (None)."""

    role: Role
    site_code: str | None = None
    org_code: str | None = None

    @property
    def counts(self) -> bool:
        """A keeper without a unit has nothing to keep."""
        return self.role is not Role.KEEPER or self.org_code is not None

    def is_at(self, site_code: str) -> bool:
        return self.counts and self.site_code in (None, site_code)


@dataclass(frozen=True)
class Scope:
    """Units over which somebody may do something: every one, or those with all below them, or none."""

    is_everything: bool = False
    org_codes: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.is_everything or bool(self.org_codes)


@dataclass(frozen=True)
class Visitor:
    """A logged-in user and the grants that hold."""

    name: str
    grants: tuple[Grant, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether the visitor administers any site."""
        return any(grant.role is Role.ADMIN for grant in self.grants)

    def sites(self, known: Iterable[str]) -> list[str]:
        """Those of the known sites that the visitor may look at."""
        return [site for site in known if self.reads(site)]

    def roles(self, site_code: str) -> set[Role]:
        return {grant.role for grant in self.grants if grant.is_at(site_code)}

    def reads(self, site_code: str) -> Scope:
        """Units whose rows the visitor may see; ledgers that belong to no unit are open to every role of the site."""
        return _scope(grant for grant in self.grants if grant.is_at(site_code))

    def writes(self, site_code: str, table: str) -> Scope:
        """Units whose rows of a ledger the visitor may change."""
        return _scope(
            grant
            for grant in self.grants
            if grant.is_at(site_code) and ((ledgers := WRITES[grant.role]) is None or table in ledgers)
        )

    def administers(self, site_code: str) -> bool:
        """Whether the visitor may grant and revoke roles of the site."""
        return Role.ADMIN in self.roles(site_code)


def _scope(grants: Iterable[Grant]) -> Scope:
    codes = [grant.org_code for grant in grants]
    return Scope(None in codes, frozenset(code for code in codes if code is not None))


def airflow_roles(user: Any) -> list[str]:
    """Names of the roles that Airflow's auth manager gives a user: one (simple), or several (FAB)."""
    single = getattr(user, "role", None)
    if isinstance(single, str):
        return [single]
    return [role if isinstance(role, str) else role.name for role in getattr(user, "roles", None) or ()]


def visitor(user: Any, connection: psycopg.Connection[Any]) -> Visitor:
    """Who a user of Airflow is at the workbench; ``connection`` is of the role keep."""
    name = user.get_name()
    own = tuple(
        Grant(Role(role), site_code, org_code)
        for site_code, role, org_code in connection.execute(
            "select site_code, role, org_code from ops.workbench_roles"
            " where user_name = %s and revoked_at is null order by grant_id",
            [name],
        )
    )
    fallback = tuple(
        Grant(AIRFLOW_ROLES[role.lower()]) for role in airflow_roles(user) if role.lower() in AIRFLOW_ROLES
    )
    if own:
        return Visitor(name, (*own, *(grant for grant in fallback if grant.role is Role.ADMIN)))
    return Visitor(name, fallback)
