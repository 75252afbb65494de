"""Turn the formulas of a page into MathML when the site is built: a browser needs no script for them."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

# As pymdownx.arithmatex leaves them with generic: true.
DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
TAG = re.compile(r"\\tag\{(.*?)\}")


def on_page_content(content: str, **_: Any) -> str:
    """Replace every formula of a rendered page."""
    content = DISPLAY.sub(lambda found: display(html.unescape(found[1])), content)
    return INLINE.sub(lambda found: convert(html.unescape(found[1]).strip()), content)


def display(formula: str) -> str:
    """A formula on a line of its own, with its number at the right."""
    tag = TAG.search(formula)
    number = f'<span class="number">({tag[1]})</span>' if tag else ""
    anchor = f' id="eq-{tag[1]}"' if tag else ""
    body = convert(TAG.sub("", formula).strip(), display="block")
    return f'<div class="formula"{anchor}>{body}{number}</div>'
