"""Build hook: fetch the 3D viewer of the report, NiiVue, and check that it is the one that was tested.

The bundle is too large to keep in the repository. It is fetched with npm once, lies in a folder that is not
tracked, and goes into wheel and sdist from there. Where it cannot be fetched the package is built without it,
and reports say so; a bundle that is not the tested one stops the build.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VERSION = "0.69.0"
TARBALL_SHA512 = "YMjQvJgD1W2b7DuoxkwlC4VxbrgIePRJ5qyQzXKxi2v2MBVg285P/CIQyg46oDDGDIcaNlbd+MhtO/edMbXJkA=="
MEMBER = "package/dist/niivue.umd.js"
FOLDER = Path("src/ckpt_uq/report/static/niivue")
TIMEOUT_S = 120


class NotFetchedError(Exception):
    """No npm, or no registry in reach."""


class OtherBundleError(Exception):
    """What came is not what was tested."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts NiiVue beside the report's other static files before anything is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before the build."""
        try:
            vendor(Path(self.root) / FOLDER)
        except NotFetchedError as error:
            self.app.display_warning(f"reports will have no 3D viewer: {error}; build again where npm works")


def vendor(folder: Path) -> Path:
    """Bring the bundle to ``folder``, unless this version lies there already; return its path."""
    bundle = folder / f"niivue-{VERSION}.umd.js"
    if not bundle.exists():
        with tempfile.TemporaryDirectory() as scratch:
            data = member_of(fetch(Path(scratch)))
        folder.mkdir(parents=True, exist_ok=True)
        partial = bundle.with_suffix(".part")
        partial.write_bytes(data)
        for old in folder.glob("niivue-*.umd.js"):
            old.unlink()
        partial.replace(bundle)
    return bundle


def fetch(scratch: Path) -> Path:
    """Download the package's tarball with npm."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetchedError("npm is not installed")
    # One quick retry: whoever has no network should not wait for a minute to be told so.
    patience = ["--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    command = [npm, "pack", f"@niivue/niivue@{VERSION}", *patience, "--pack-destination", str(scratch)]
    try:
        subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise NotFetchedError(f"npm pack failed: {said[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise NotFetchedError(f"npm pack took more than {TIMEOUT_S} s") from error
    (tarball,) = scratch.glob("*.tgz")
    return tarball


def member_of(tarball: Path) -> bytes:
    """The bundle inside the tarball, whose hash must be the tested one."""
    data = tarball.read_bytes()
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if digest != TARBALL_SHA512:
        raise OtherBundleError(f"{tarball.name} must have the SHA-512 {TARBALL_SHA512}, got {digest}")
    with tarfile.open(tarball) as archive:
        found = archive.extractfile(MEMBER)
        assert found is not None, f"{MEMBER} is a file"
        return found.read()
