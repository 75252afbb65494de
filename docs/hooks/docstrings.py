"""Read the reStructuredText that numpydoc docstrings use as the Markdown that the pages are made of."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

MATH = re.compile(r"^([ ]*)\.\. math::(.*(?:\n(?:\1[ ]+\S.*|[ ]*(?=\n\1[ ]+\S)))*)", re.MULTILINE)
INLINE_MATH = re.compile(r":math:`([^`]+)`")
ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`(~?)([^`]+)`")
FOOTNOTE = re.compile(r"^([ ]*)\.\. \[(\d+)\] ", re.MULTILINE)
FOOTNOTE_MARK = re.compile(r" ?\[(\d+)\]_")


class NumpydocAsMarkdown(griffe.Extension):
    """Translate formulas, cross-references and reference lists of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Translate one object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = translate(obj.docstring.value, obj)


def translate(text: str, obj: griffe.Object) -> str:
    """Markdown for the reStructuredText of ``obj``'s docstring."""
    text = MATH.sub(formula, text)
    text = INLINE_MATH.sub(r"\\(\1\\)", text)
    text = ROLE.sub(lambda found: link(found, obj), text)
    text = FOOTNOTE.sub(r"\1\2. ", text)
    return FOOTNOTE_MARK.sub(r" [\1]", text)


def formula(found: re.Match[str]) -> str:
    """A display formula, of one line or an indented block."""
    indent, body = found[1], textwrap.dedent(found[2]).strip()
    return textwrap.indent(f"\\[\n{body}\n\\]\n", indent)


def link(found: re.Match[str], obj: griffe.Object) -> str:
    """A link to what a role names, plain code where the pages do not show it."""
    short, name = found[1], found[2]
    shown = name.rsplit(".", 1)[-1] if short else name
    try:
        target = name if name.startswith("ckpt_uq.") else obj.resolve(name)
    except griffe.NameResolutionError:
        return f"`{shown}`"
    return f'<autoref optional identifier="{target}">`{shown}`</autoref>'
