"""Every block of the documentation runs, page by page, in the order a reader meets it.

Blocks of ``python`` are executed, those with a title are saved as that file, and in ``console`` each line
after a ``$`` is called and must print what stands below it, where ``...`` stands for anything.
"""

from __future__ import annotations

import doctest
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from ckpt_uq.report import viewer
from command_line import here

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r'^```(python|console)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
BAR = re.compile(r"^[^┏┡└\n]*━.*\n", re.MULTILINE)  # of progress; tables have corners
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@dataclass(frozen=True)
class Block:
    """A block: its language, the file that it is to be saved as, and its text.

    The text is moved down to its own lines, so that a traceback points into the page.
    """

    language: str
    file: str | None
    text: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in BLOCK.finditer(text):
        yield Block(found[1], found[2], "\n" * text.count("\n", 0, found.start(3)) + found[3])


@dataclass
class Shell:
    """Calls the commands of a page within this process."""

    exit_code: int = 0
    differences: list[str] = field(default_factory=list)

    def call(self, block: Block) -> None:
        for call in re.split(r"^\$ ", block.text.lstrip("\n"), flags=re.MULTILINE)[1:]:
            line, _, expected = call.replace("\\\n> ", "").partition("\n")
            found = self._said_by(line)
            if not doctest.OutputChecker().check_output(expected, found, doctest.ELLIPSIS):
                self.differences.append(f"$ {line}\n{found}\ninstead of\n{expected}")

    def _said_by(self, line: str) -> str:
        if line == "echo $?":
            return f"{self.exit_code}\n"
        program, *arguments = shlex.split(line)
        assert program == "ckpt-uq", f"cannot call {program}"
        done = here(*arguments)
        self.exit_code = done.exit_code
        return BAR.sub("", done.output)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_CODE = [page for page in pages() if any(blocks(page))]


def test_the_pages_that_must_show_code_do() -> None:
    assert {
        "README.md",
        "docs/index.md",
        "docs/tutorial/training-loop.md",
        "docs/tutorial/model-list.md",
        "docs/explanation/method.md",
    } <= {name(page) for page in WITH_CODE}


def forget_afterwards(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a module of a page anew, and leave nothing of it to tests whose modules have the same name."""
    monkeypatch.setitem(sys.modules, module, ModuleType(module))
    del sys.modules[module]


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(viewer, "niivue_bundle", lambda: "bm90aGluZw==")  # with or without npm the same words
    namespace: dict[str, object] = {"__name__": "__main__"}
    shell = Shell()
    for block in blocks(page):
        if block.file:
            Path(block.file).write_text(block.text)
            forget_afterwards(Path(block.file).stem, monkeypatch)
        elif block.language == "console":
            shell.call(block)
        else:
            exec(compile(block.text, str(page), "exec"), namespace)
    assert shell.differences == []


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_to_files(page: Path) -> None:
    targets = LINK.findall(page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
