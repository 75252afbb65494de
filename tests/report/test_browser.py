"""The page in a real browser: it draws, sorts, changes its colours and asks the network for nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ckpt_uq.report.page import write_report
from ckpt_uq.report.settings import Settings
from results_folders import NAMES

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=angle",  # WebGL in software
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 180_000


@dataclass
class Seen:
    """A page, and what went on in it."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def canvas(self) -> np.ndarray[Any, Any]:
        """What the viewer shows, as it is on the screen."""
        picture = self.page.locator("#viewer-canvas").screenshot()
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)

    def open_viewer(self, rank: int = 1) -> None:
        self.page.locator(f"[data-case=case-{rank}]").click()
        self.page.wait_for_selector(f"#viewer[data-ready=case-{rank}]", timeout=PATIENCE_MS)
        self.settle()

    def settle(self) -> None:
        """Let what was asked for reach the screen."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = os.environ.get("CKPT_UQ_CHROMIUM", "/usr/bin/chromium")
        chromium = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def seen(browser: Any, everything: Path) -> Iterator[Seen]:
    """The page of a whole results folder, opened from disk."""
    report = write_report(everything, everything / "report.html")
    assert report.viewer, "NiiVue was not fetched when the package was installed"
    yield from visit(browser, (everything / "report.html").as_uri())


def visit(browser: Any, url: str, **options: Any) -> Iterator[Seen]:
    """Open a page, and hold at the end that nothing went wrong and nothing was asked of anybody."""
    context = browser.new_context(viewport={"width": 900, "height": 640}, **options)
    page = context.new_page()
    found = Seen(page)
    page.on("console", lambda message: message.type == "error" and found.errors.append(message.text))
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    page.goto(url)
    yield found
    context.close()
    assert found.errors == []
    assert [asked for asked in found.requests if not asked.startswith(("blob:", "data:"))] == [url]


def case_names(page: Any) -> list[str]:
    return page.locator("table.sortable tbody th").all_inner_texts()


def heads(page: Any) -> list[str]:
    return [head.get_attribute("aria-sort") for head in page.locator("table.sortable thead th").all()]


def test_page_is_quiet_and_its_pictures_are_whole(seen: Seen) -> None:
    widths = seen.page.evaluate(
        "() => [...document.images].map((image) => image.complete && image.naturalWidth)"
    )
    assert len(widths) == 18
    assert min(widths) > 0
    assert seen.page.title() == "A title with <angle> & brackets · uncertainty report"


def test_table_sorts_by_click(seen: Seen) -> None:
    assert case_names(seen.page) == [NAMES[2], "alpha", "beta"]
    assert heads(seen.page) == ["none", "descending", "none", "none"]
    score = seen.page.get_by_role("button", name="Contour score, foreground")
    score.click()
    assert case_names(seen.page) == ["alpha", NAMES[2], "beta"]  # without a number: last in either order
    assert heads(seen.page) == ["none", "ascending", "none", "none"]
    score.click()
    assert case_names(seen.page) == [NAMES[2], "alpha", "beta"]


def test_table_sorts_by_keyboard(seen: Seen) -> None:
    seen.page.get_by_role("button", name="Case", exact=True).focus()
    seen.page.keyboard.press("Enter")
    assert case_names(seen.page) == [NAMES[2], "alpha", "beta"]
    assert heads(seen.page)[0] == "ascending"
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Space")
    assert case_names(seen.page) == ["alpha", "beta", NAMES[2]]
    assert heads(seen.page) == ["none", "none", "descending", "none"]


def brightness(page: Any) -> float:
    """Of the page's ground, 0 to 255."""
    colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return float(np.mean([int(part) for part in colour[4:-1].split(",")]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_it_is_chosen(browser: Any, everything: Path, scheme: str) -> None:
    write_report(everything, everything / "report.html")
    for seen in visit(browser, (everything / "report.html").as_uri(), color_scheme=scheme):
        assert (brightness(seen.page) > 128) == (scheme == "light")
        seen.page.locator("#theme").click()
        assert (brightness(seen.page) > 128) == (scheme == "dark")
        seen.page.emulate_media(media="print")
        assert brightness(seen.page) == 255


def test_nothing_is_wider_than_a_telephone(browser: Any, everything: Path) -> None:
    write_report(everything, everything / "report.html")
    for seen in visit(browser, (everything / "report.html").as_uri()):
        seen.page.set_viewport_size({"width": 360, "height": 740})
        assert seen.page.evaluate("() => document.documentElement.scrollWidth") == 360


def test_dot_of_the_scatter_leads_to_the_case(seen: Seen) -> None:
    seen.page.locator("a[href='#case-2'] circle").click()
    assert seen.page.url.endswith("#case-2")
    for _ in range(200):  # the page glides there
        top = seen.page.evaluate("() => document.getElementById('case-2').getBoundingClientRect().top")
        if abs(top) < 100:
            break
        seen.page.wait_for_timeout(50)
    assert abs(top) < 100


def test_overlays_can_be_seen_and_hidden(seen: Seen) -> None:
    seen.open_viewer()
    shown = seen.canvas()
    assert shown.std() > 10, "nothing is drawn"
    entropy = seen.page.locator("[data-role=predictive_entropy]")
    entropy.locator("[name=show]").uncheck()
    seen.settle()
    without_entropy = seen.canvas()
    assert (np.abs(shown - without_entropy).max(axis=2) > 30).mean() > 0.002
    seen.page.locator("[data-role=segmentation] [name=show]").uncheck()
    seen.settle()
    grey = seen.canvas()
    assert (np.abs(grey - without_entropy).max(axis=2) > 30).mean() > 0.002
    entropy.locator("[name=show]").check()
    seen.page.locator("[data-role=segmentation] [name=show]").check()
    seen.settle()
    np.testing.assert_array_equal(seen.canvas(), shown)


def coloured(canvas: np.ndarray[Any, Any]) -> int:
    """Pixels in the colours of the entropy: much more red than blue."""
    return int((canvas[..., 0] - canvas[..., 2] > 60).sum())


def test_threshold_hides_what_is_certain(seen: Seen) -> None:
    seen.open_viewer()
    seen.page.locator("[data-role=segmentation] [name=show]").uncheck()
    threshold = seen.page.locator("[data-role=predictive_entropy] [name=threshold]")
    amounts = []
    for percent in ("5", "60", "99"):
        threshold.fill(percent)
        seen.settle()
        amounts.append(coloured(seen.canvas()))
    assert amounts[0] > amounts[1] > amounts[2]
    assert seen.page.locator("[data-role=predictive_entropy] output").all_inner_texts() == [
        "80 %",
        "0.99 bits",
    ]


def test_opacity_fades_an_overlay(seen: Seen) -> None:
    seen.open_viewer()
    seen.page.locator("[data-role=segmentation] [name=show]").uncheck()
    opacity = seen.page.locator("[data-role=predictive_entropy] [name=opacity]")
    amounts = []
    for percent in ("100", "30", "0"):
        opacity.fill(percent)
        seen.settle()
        amounts.append(coloured(seen.canvas()))
    assert amounts[0] > amounts[1] > amounts[2] == 0


def test_slices_are_gone_through_with_the_keyboard(seen: Seen) -> None:
    seen.page.locator("[data-case=case-1]").focus()
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_selector("#viewer[data-ready=case-1]", timeout=PATIENCE_MS)
    seen.page.locator("[value=slice]").check()
    middle = seen.page.locator("#case-1 .where").inner_text()
    assert seen.page.locator("#slice-value").inner_text() == middle.removeprefix("axial slice ")
    seen.settle()
    before = seen.canvas()
    seen.page.locator("#slice").focus()
    seen.page.keyboard.press("End")
    seen.settle()
    assert seen.page.locator("#slice-value").inner_text() == "5 of 5"
    assert np.abs(seen.canvas() - before).max() > 50
    seen.page.keyboard.press("Escape")
    assert not seen.page.locator("#viewer").is_visible()
    assert seen.page.evaluate("() => document.activeElement.dataset.case") == "case-1"


def test_slice_in_the_viewer_is_the_slice_on_the_page(browser: Any, everything: Path) -> None:
    """A mark in the patient's upper right front shows in the same place in both."""
    from ckpt_uq.io.volume import Volume, read_volume, write_volume

    path = everything / "cases" / "alpha" / "image.nii.gz"
    volume = read_volume(path)
    marked = np.minimum(volume.data, 20)
    marked[4, -8:, -8:] = 1000  # stored towards right, front and head
    write_volume(path, Volume(marked, volume.affine))
    entropy = everything / "cases" / "alpha" / "entropy.nii.gz"
    write_volume(entropy, Volume((marked == 1000).astype(np.float32), volume.affine))
    write_report(everything, everything / "report.html", Settings(sort_by="dice_mean"))
    for seen in visit(browser, (everything / "report.html").as_uri()):
        assert seen.page.locator("#case-1 .where").inner_text() == "axial slice 1 of 5"
        panel = picture_of(seen.page.locator("#case-1 .panels img").first)
        seen.open_viewer()
        seen.page.locator("[value=slice]").check()
        for overlay in ("segmentation", "predictive_entropy"):
            seen.page.locator(f"[data-role={overlay}] [name=show]").uncheck()
        seen.settle()
        for picture in (seen.canvas(), panel):
            bright = np.argwhere(picture.min(axis=2) > 150)
            rows, columns = picture.shape[:2]
            assert len(bright) > 100
            assert bright[:, 0].mean() < rows / 2
            assert bright[:, 1].mean() < columns / 2


def picture_of(locator: Any) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB")).astype(int)


def test_another_case_replaces_the_one_before(seen: Seen) -> None:
    seen.open_viewer(1)
    first = seen.canvas()
    seen.page.locator("#viewer-close").click()
    seen.open_viewer(3)
    assert seen.page.locator("#viewer-name").inner_text() == "beta"
    assert np.abs(seen.canvas() - first).max() > 50


def test_combined_cases_without_an_image_can_be_viewed(browser: Any, combined: Path) -> None:
    write_report(combined, combined / "report.html")
    for seen in visit(browser, (combined / "report.html").as_uri()):
        seen.open_viewer()
        assert seen.canvas().std() > 5
        assert seen.page.locator("[data-role=labels]").is_hidden()
        assert seen.page.locator("[data-role=mutual_information]").is_visible()


def test_large_case_is_read_from_its_files_when_chosen(browser: Any, everything: Path) -> None:
    """A page on disk may not read files beside it: it says so, and takes those that are chosen."""
    write_report(everything, everything / "report.html", Settings(embed_mb=0))
    page = Seen(browser.new_page())
    page.page.goto((everything / "report.html").as_uri())
    page.page.locator("[data-case=case-2]").click()
    chooser = page.page.locator("#viewer-files input")
    chooser.wait_for(timeout=PATIENCE_MS)
    assert page.page.locator("#viewer-folder").inner_text() == "cases/alpha/"
    chooser.set_input_files(sorted((everything / "cases" / "alpha").glob("*.nii.gz")))
    page.page.wait_for_selector("#viewer[data-ready=case-2]", timeout=PATIENCE_MS)
    page.settle()
    assert page.canvas().std() > 10
    page.page.close()


def test_large_case_is_read_from_beside_a_served_page(browser: Any, everything: Path) -> None:
    write_report(everything, everything / "report.html", Settings(embed_mb=0))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *what: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(everything)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        page = Seen(browser.new_page())
        page.page.on("request", lambda request: page.requests.append(request.url))
        page.page.goto(f"http://127.0.0.1:{server.server_port}/report.html")
        page.open_viewer(2)
        assert page.canvas().std() > 10
        asked = [url.rpartition("/")[2] for url in page.requests if "/cases/alpha/" in url]
        assert sorted(asked) == sorted(
            f"{name}.nii.gz" for name in ("entropy", "image", "labels", "mutual_information", "segmentation")
        )
        page.page.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
