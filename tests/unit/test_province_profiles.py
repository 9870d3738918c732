"""Profiles are folders: they load by name alone, and options override what profile.toml says and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.province import profiles
from plugins.province.profiles import ProfileError


def test_both_profiles_are_there() -> None:
    assert {"nhjc04", "yunnan"} <= set(profiles.names())


@pytest.mark.parametrize("name", ["../nhjc04", "nhjc04/", "/etc", "", "settings", "NHJC04"])
def test_a_name_is_never_a_path(name: str) -> None:
    with pytest.raises(ProfileError, match="nhjc04"):
        profiles.load(name)


def test_options_override_settings_in_their_own_type() -> None:
    settings = profiles.load("nhjc04").settings(
        {
            "batch_max": "100",
            "encryption": "never",
            "paths.register": "/api/reg",
            "messages.设备未授权": "identity",
            "success_codes": "0, 200",
        }
    )
    assert settings.number("batch_max") == 100
    assert settings.text("paths.register") == "/api/reg"
    assert settings.texts("success_codes") == ["0", "200"]
    assert settings.table("messages")["设备未授权"] == "identity"
    assert profiles.load("yunnan").settings({"is_public_body": "是"}).flag("is_public_body")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("batchmax", "1", "batch_max"),
        ("batch_max", "many", "整数"),
        ("valid", "maybe", "boolean"),
        ("messages.x", "ignored", "frozen"),
        ("utc_offset", "8", "+08:00"),
    ],
)
def test_options_that_cannot_be_are_refused_with_what_can(option: str, value: str, told: str) -> None:
    with pytest.raises(ProfileError) as refusal:
        profiles.load("nhjc04").check_options({option: value})
    assert told in str(refusal.value)


def test_a_third_profile_is_one_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gansu"
    folder.mkdir()
    (folder / "profile.toml").write_text(
        'title = "甘肃"\nextends = "nhjc04"\n[settings]\nvalid = "boolean"\n[settings.paths]\nregister = "/gs/register"\n'
    )
    base = tmp_path / "nhjc04"
    base.mkdir()
    (base / "profile.toml").write_bytes((profiles.HERE / "nhjc04" / "profile.toml").read_bytes())
    (base / "adapter.py").write_bytes(b"")
    monkeypatch.setattr(profiles, "HERE", tmp_path)
    profiles.load.cache_clear()
    try:
        gansu = profiles.load("gansu")
        assert gansu.speaker == "nhjc04"
        settings = gansu.settings({})
        assert (settings.text("valid"), settings.text("paths.register"), settings.number("batch_max")) == (
            "boolean",
            "/gs/register",
            500,
        )
    finally:
        profiles.load.cache_clear()


def test_secrets_that_a_profile_needs_are_named() -> None:
    assert profiles.load("yunnan").missing_secrets({}) == ["password"]
    assert profiles.load("nhjc04").missing_secrets({}) == []
