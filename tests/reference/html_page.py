"""A page taken apart with the standard library, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BLOCKS = {"dd", "div", "dt", "li", "p", "td", "th", "tr"}
FETCHING = {"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Elements in order, and every fault of nesting."""

    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    stack: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.faults += [f"<{tag}> has {name} twice" for name, n in Counter(names).items() if n > 1]
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack[-1].tag != tag:
            self.faults.append(f"</{tag}> inside {[element.tag for element in self.stack]}")
        else:
            self.stack.pop()
        if tag in BLOCKS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self.stack:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    page.faults += [f"<{element.tag}> is never closed" for element in page.stack]
    return page


def reference_faults(page: Page) -> list[str]:
    """Names given twice or to nothing, and whatever would be fetched from elsewhere."""
    named = Counter(element.attributes["id"] for element in page.elements if "id" in element.attributes)
    faults = [f"id {name} is given {n} times" for name, n in named.items() if n > 1]
    for element in page.elements:
        for name, value in element.attributes.items():
            if name in {"aria-labelledby", "aria-describedby", "for"}:
                faults += [f"{name} {target} is nowhere" for target in value.split() if target not in named]
            if name == "href" and value.startswith("#"):
                faults += [f"link to {value} leads nowhere"] * (value[1:] not in named)
            elif name == "href" or (name in FETCHING and not value.startswith("data:")):
                faults.append(f"<{element.tag} {name}={value[:60]}> leaves the page")
            if name.startswith("on"):
                faults.append(f"<{element.tag} {name}> is a script in an attribute")
        if element.tag in {"link", "iframe", "object", "embed", "base"}:
            faults.append(f"<{element.tag}> is not for a page of one file")
        if element.tag == "style":
            faults += [
                f"style sheet has {word}" for word in ("url(", "@import", "http") if word in element.text
            ]
    return faults


def accessibility_faults(page: Page) -> list[str]:
    """Pictures and controls without a name, headings that skip a level."""
    faults = [f"picture without text: {e.attributes}" for e in page.all("img") if not e.attributes.get("alt")]
    for element in page.all("svg"):
        faults += ["drawing without a title"] * ("aria-labelledby" not in element.attributes)
    for element in page.all("button"):
        faults += ["button without a name"] * (
            not (element.text.strip() or element.attributes.get("aria-label"))
        )
    levels = [int(e.tag[1]) for e in page.elements if e.tag in {"h1", "h2", "h3", "h4"}]
    faults += [f"h{b} follows h{a}" for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]
    faults += ["the language is not said"] * (not page.all("html")[0].attributes.get("lang"))
    faults += [f"{len(page.all('h1'))} main headings"] * (len(page.all("h1")) != 1)
    return faults
