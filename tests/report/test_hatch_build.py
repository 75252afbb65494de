"""The hook that fetches NiiVue: takes the tested bundle, leaves the package usable without one."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import stat
import tarfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BUNDLE = b"(function(){ /* a viewer */ })();"


@pytest.fixture
def hook() -> ModuleType:
    path = Path(__file__).parents[2] / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tarball(member: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(member)
        info.size = len(BUNDLE)
        archive.addfile(info, io.BytesIO(BUNDLE))
    return buffer.getvalue()


def put_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An npm that does what `script` says; $DEST is where the tarball is asked for."""
    folder.mkdir(exist_ok=True)
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\nfor DEST; do :; done\necho "$@" >> {folder}/calls\n{script}\n')
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def serve(
    folder: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch, *, member: str | None = None
) -> None:
    folder.mkdir(exist_ok=True)
    data = tarball(member or hook.MEMBER)
    (folder / "served.tgz").write_bytes(data)
    put_npm(folder, f'cp {folder}/served.tgz "$DEST/niivue.tgz"', monkeypatch)
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    monkeypatch.setattr(hook, "TARBALL_SHA512", digest)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


def test_bundle_is_fetched_once(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(tmp_path / "npm", hook, monkeypatch)
    folder = tmp_path / "static"
    assert hook.vendor(folder).read_bytes() == hook.vendor(folder).read_bytes() == BUNDLE
    assert len(calls(tmp_path / "npm")) == 1
    assert f"pack @niivue/niivue@{hook.VERSION} " in calls(tmp_path / "npm")[0]
    assert [path.name for path in folder.iterdir()] == [f"niivue-{hook.VERSION}.umd.js"]


def test_new_version_replaces_the_old(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(tmp_path / "npm", hook, monkeypatch)
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "niivue-0.0.1.umd.js").write_text("old")
    hook.vendor(folder)
    assert [path.name for path in folder.iterdir()] == [f"niivue-{hook.VERSION}.umd.js"]


def test_other_bundle_stops_the_build(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(tmp_path / "npm", hook, monkeypatch)
    monkeypatch.setattr(hook, "TARBALL_SHA512", "0" * 86 + "==")
    with pytest.raises(hook.OtherBundleError, match=r"niivue\.tgz must have the SHA-512"):
        hook.vendor(tmp_path / "static")
    assert not (tmp_path / "static").exists()


@pytest.mark.parametrize("script", ["echo no registry in reach >&2; exit 1", None])
def test_package_is_built_without_a_viewer_where_none_can_be_had(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None
) -> None:
    if script is None:
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        put_npm(tmp_path / "npm", script, monkeypatch)
    warnings: list[str] = []
    app = SimpleNamespace(display_warning=warnings.append)
    built: Any = SimpleNamespace(root=str(tmp_path), app=app)
    hook.CustomBuildHook.initialize(built, "standard", {})
    (warning,) = warnings
    why = "npm is not installed" if script is None else "npm pack failed: no registry in reach"
    assert warning == f"reports will have no 3D viewer: {why}; build again where npm works"
    assert not list(tmp_path.rglob("*.umd.js"))
