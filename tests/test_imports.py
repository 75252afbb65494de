"""`import ckpt_uq` costs next to nothing, and every public name is there, documented and typed."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import inspect
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import ckpt_uq

HEAVY = {
    "jinja2",
    "lightning",
    "matplotlib",
    "monai",
    "nibabel",
    "numba",
    "numpy",
    "pandas",
    "PIL",
    "rich",
    "safetensors",
    "scipy",
    "skimage",
    "sklearn",
    "torch",
    "torchvision",
    "typer",
}

# Timed inside the process, so that starting the interpreter counts for nothing.
PROBE = """
import sys, time
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
import json
print(json.dumps([seconds, sorted({{name.split(".")[0] for name in sys.modules}})]))
"""

STUB = Path(str(ckpt_uq.__file__)).with_name("__init__.pyi")


def in_fresh_process(statement: str) -> tuple[float, set[str]]:
    """Seconds that a statement takes and the top-level modules loaded after it."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)], capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


def public_names() -> list[str]:
    return [name for name in ckpt_uq.__all__ if not name.startswith("__")]


def test_import_loads_nothing_heavy() -> None:
    _, loaded = in_fresh_process("import ckpt_uq")
    assert "ckpt_uq" in loaded
    assert loaded & HEAVY == set()


def test_heavy_modules_are_seen_when_loaded() -> None:
    _, loaded = in_fresh_process("import ckpt_uq; ckpt_uq.CheckpointEnsemble")
    assert {"torch", "numpy"} <= loaded


def test_import_adds_less_than_a_fifth_of_a_second() -> None:
    assert statistics.median(in_fresh_process("import ckpt_uq")[0] for _ in range(7)) < 0.2


def test_stub_and_runtime_agree() -> None:
    tree = ast.parse(STUB.read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert imported == set(listed), "the stub lists what it imports"
    assert set(listed) - {"__version__"} == set(public_names())
    assert set(public_names()) <= set(dir(ckpt_uq))


@pytest.mark.parametrize("name", public_names())
def test_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(ckpt_uq, name)
    doc = inspect.getdoc(thing)
    assert doc
    assert len(doc.splitlines()[0]) < 110, "the first line says what it is"


def own_doc(thing: object) -> str:
    """Docstrings of a name itself; for a class its public methods' too."""
    members = vars(thing).items() if inspect.isclass(thing) else ()
    inner = [inspect.getdoc(member) or "" for name, member in members if not name.startswith("_")]
    return "\n".join([inspect.getdoc(thing) or "", *inner])


def has_a_use_to_show(thing: object) -> bool:
    """Whether it is called: a module is what its names are, a protocol is filled in, an error is met."""
    is_error = inspect.isclass(thing) and issubclass(thing, Exception)
    return callable(thing) and not is_error and not getattr(thing, "_is_protocol", False)


def test_every_public_name_shows_its_use() -> None:
    things = {name: getattr(ckpt_uq, name) for name in public_names()}
    shown = {name for name, thing in things.items() if doctest.DocTestParser().get_examples(own_doc(thing))}
    assert {name for name, thing in things.items() if has_a_use_to_show(thing)} - shown == set()


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        ckpt_uq.no_such_name  # noqa: B018


def test_package_is_typed() -> None:
    spec = importlib.util.find_spec("ckpt_uq")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    assert (Path(spec.submodule_search_locations[0]) / "py.typed").exists()
