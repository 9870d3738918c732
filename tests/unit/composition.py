"""docker-compose.yml and docker/Dockerfile, taken apart for the tests of both."""

from __future__ import annotations

import functools
import re
from typing import Any

import yaml

from ingestion.settings import REPOSITORY
from plugins.operations.environment import render

COMPOSE = REPOSITORY / "docker-compose.yml"
DOCKERFILE = REPOSITORY / "docker" / "Dockerfile"
ROOT = "/opt/nengduan"  # where the images hold the repository
HOME = "/var/lib/nengduan"
VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


class MissingVariableError(ValueError):
    """A required variable has no value, as the engine would say."""


def interpolate(value: Any, environment: dict[str, str]) -> Any:
    """Put the variables in, by the rules of the Compose specification that the file uses."""
    if isinstance(value, dict):
        return {key: interpolate(part, environment) for key, part in value.items()}
    if isinstance(value, list):
        return [interpolate(part, environment) for part in value]
    if not isinstance(value, str):
        return value

    def put(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "$"
        found = environment.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise MissingVariableError(match["name"])
        return found or (match["rest"] or "" if match["kind"] == "-" else "")

    return VARIABLE.sub(put, value)


def pairs(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@functools.cache
def raw() -> dict[str, Any]:
    """The file as it is written, YAML's own references followed."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return loaded


@functools.cache
def generated() -> dict[str, str]:
    """A fresh .env."""
    return pairs(render())


@functools.cache
def compose() -> dict[str, Any]:
    """The file as the engine sees it with a fresh .env."""
    result: dict[str, Any] = interpolate({"services": raw()["services"], "volumes": raw()["volumes"]}, generated())
    return result


def is_ours(service: dict[str, Any]) -> bool:
    return "build" in service


def stages() -> dict[str, list[str]]:
    """The Dockerfile's instructions by stage, continued lines joined."""
    result: dict[str, list[str]] = {"": []}
    name = ""
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8")).splitlines():
        if match := re.match(r"FROM \S+ AS (\S+)", line):
            name = match[1]
            result[name] = [line]
        elif line.strip() and not line.startswith("#"):
            result[name].append(line)
    return result


def copies(target: str) -> list[tuple[str, str]]:
    """(source, destination) of what a stage takes out of the repository."""
    found = []
    for line in stages()[target]:
        if line.startswith("COPY ") and "--from=" not in line:
            *sources, destination = line.split()[1:]
            found += [(source, destination) for source in sources]
    return found


def is_copied(path: str, target: str) -> bool:
    """Whether the image of this target holds that path of the repository."""
    sources = [source for source, _ in copies(target)]
    return any(path == source or path.startswith(f"{source}/") for source in sources)
