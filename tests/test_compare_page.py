"""The page of a comparison in a real browser: it opens from disk, sorts, slides, and complains of nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from inversion_toy import crosshole

import seisinv as si
from seisinv import compare

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSER = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("page")
    rays, truth, start = crosshole()
    unknown = si.unknowns.Bounded(start, vp=(1800, 2400))
    problem = si.Inversion(propagator=rays, observed=rays(truth), unknown=unknown)
    smooth = replace(problem, penalty=si.priors.TotalVariation(0.5))
    entries = {n: compare.Entry(p, si.LBFGS(4), [15, 25]) for n, p in {"none": problem, "TV": smooth}.items()}
    file = compare.write_comparison(compare.run(entries, folder, budget=120, truth=truth), folder)
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        tab = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True).new_page()
        tab.complaints = []
        tab.on("console", lambda m: tab.complaints.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda e: tab.complaints.append(str(e)))
        tab.goto(file.as_uri())
        yield tab
        browser.close()


def picture(page: Any, place: str) -> str:
    return str(page.evaluate("place => document.querySelector(place).toDataURL()", place))


def test_page_opens_without_a_network_or_a_complaint(page: Any) -> None:
    assert page.title().startswith("seisinv: ")
    assert page.locator("#panels figure").count() == 3
    blank = "place => { const c = document.querySelector(place); const d = c.getContext('2d').getImageData(0, 0, "
    blank += "c.width, c.height).data; return new Set(new Uint32Array(d.buffer)).size; }"
    for place in ("#panels canvas", "#bar", "#gather-observed", "#gather-predicted", "#gather-residual"):
        assert page.evaluate(blank, place) > 20, f"{place} shows nothing"
    assert page.complaints == []


def test_table_sorts_up_and_down(page: Any) -> None:
    heading = page.locator("#card th:has(button)").filter(has_text="RMSE").first
    column = heading.evaluate("th => th.cellIndex")
    values = f"() => [...document.querySelectorAll('#card tbody tr')].map(r => Number(r.cells[{column}].dataset.value))"
    heading.locator("button").click()
    up = page.evaluate(values)
    assert up == sorted(up)
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert page.evaluate(values) == sorted(up, reverse=True)
    page.locator("#card thead button").first.click()
    names = page.locator("#card tbody td:first-child").all_inner_texts()
    assert names == sorted(names, key=str.lower)
    assert page.complaints == []


def test_all_columns_can_be_shown(page: Any) -> None:
    shown = page.locator("#card thead th:visible").count()
    page.locator("#all").check()
    assert page.locator("#card thead th:visible").count() > shown
    page.locator("#all").uncheck()


def test_slider_goes_through_the_updates(page: Any) -> None:
    last, words = picture(page, "#panels figure:nth-child(2) canvas"), page.locator("#step-says").inner_text()
    truth = picture(page, "#panels figure:nth-child(1) canvas")
    page.locator("#step").fill("0")
    assert picture(page, "#panels figure:nth-child(2) canvas") != last
    assert picture(page, "#panels figure:nth-child(1) canvas") == truth
    assert page.locator("#step-says").inner_text() != words
    assert "update 0" in page.locator("#panels figcaption").nth(1).inner_text()
    page.locator("#step").fill(page.locator("#step").get_attribute("max"))
    assert picture(page, "#panels figure:nth-child(2) canvas") == last
    assert page.complaints == []


def test_differences_and_velocities_are_read_off(page: Any) -> None:
    models = picture(page, "#panels figure:nth-child(2) canvas")
    page.locator("#view").select_option("truth")
    assert picture(page, "#panels figure:nth-child(2) canvas") != models
    page.locator("#panels figure:nth-child(1) canvas").hover(position={"x": 200, "y": 100})
    said = page.locator("#probe").inner_text()
    assert "truth 0 ·" in said, "the truth differs nowhere from itself"
    page.locator("#view").select_option("model")
    assert picture(page, "#panels figure:nth-child(2) canvas") == models
    assert page.complaints == []


def test_shots_are_chosen_and_drawn_as_wiggles(page: Any) -> None:
    first = picture(page, "#gather-predicted")
    page.locator("#gather-shot").select_option(index=1)
    second = picture(page, "#gather-predicted")
    page.locator("#gather-kind").select_option("wiggle")
    third = picture(page, "#gather-predicted")
    page.locator("#gather-run").select_option(label="start")
    assert len({first, second, third, picture(page, "#gather-predicted")}) == 4
    assert page.complaints == []
