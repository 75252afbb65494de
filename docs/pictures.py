"""Make the pictures of README and documentation from a finished demo: ``python docs/pictures.py out/demo``.

The demo's figures are taken as they are. Its page is photographed by the Chromium that
``CKPT_UQ_CHROMIUM`` names, with playwright.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
FIGURES = {
    "panels": "demo",
    "training": "demo-training",
    "reliability": "demo-reliability",
    "uncertainty_dice": "demo-uncertainty-dice",
}
LAPTOP = {"width": 1280, "height": 720}
TWO_ROWS = {"width": 1280, "height": 430}
FLAGS = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PATIENCE_MS = 180_000


def main(demo: Path) -> None:
    """Make all of them."""
    for figure, name in FIGURES.items():
        save(Image.open(demo / "figures" / f"{figure}.png"), name)
    with sync_playwright() as playwright:
        program = os.environ.get("CKPT_UQ_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport=LAPTOP, color_scheme="light")
        page.goto((demo / "report.html").resolve().as_uri())
        page.set_viewport_size(TWO_ROWS)
        photograph(page, "#cases", "report-cases")
        page.set_viewport_size(LAPTOP)
        page.locator("[data-case=case-1]").click()
        page.wait_for_selector("#viewer[data-ready=case-1]", timeout=PATIENCE_MS)
        photograph(page, None, "report-viewer")
        browser.close()


def photograph(page: Any, start: str | None, name: str) -> None:
    """Save what the window shows, from an element on."""
    if start is not None:
        page.add_style_tag(content="html { scroll-behavior: auto !important; }")
        page.evaluate("(start) => document.querySelector(start).scrollIntoView()", start)
    page.wait_for_timeout(500)
    save(Image.open(io.BytesIO(page.screenshot(timeout=PATIENCE_MS))), name)


def save(picture: Image.Image, name: str) -> None:
    """Write a small PNG on white; drawings of few colours are stored with a palette."""
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    rgb = white.convert("RGB")
    is_drawing = name in FIGURES.values() and name != FIGURES["panels"]
    stored = rgb.quantize(256, dither=Image.Dither.NONE) if is_drawing else rgb
    stored.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/demo"))
