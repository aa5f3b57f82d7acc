"""The table panel in a real browser: a file is uploaded and looked at, whatever stands in it."""

import csv
import io

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened, at_rest, press
from tests.browser.injection import INJECTIONS, nothing_ran


def upload(page: Page, name: str, content: bytes) -> None:
    press(page.get_by_role("radio", name="Your file"), lambda: page.locator("input[type=file]").count() > 0)
    box = page.locator("input[type=file]").first
    box.set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    at_rest(page)


def test_a_table_of_scripts_is_a_table_of_texts(opened: Opened) -> None:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([INJECTIONS[0], INJECTIONS[11], INJECTIONS[32]])
    for n in range(120):
        text = f"{INJECTIONS[n % len(INJECTIONS)]} is the text of the row {n}"
        writer.writerow([text, INJECTIONS[n % 20], "x"])
    writer.writerow(["the only text of its label", INJECTIONS[-1], "x"])
    writer.writerow(["a text without a label", "", "x"])
    page = opened("/classify?lang=en", heading="Classify")
    check = nothing_ran(page)
    upload(page, INJECTIONS[11].replace("/", "") + ".csv", written.getvalue().encode("utf-8", "replace"))
    expect(page.get_by_text("121 texts with 21 labels")).to_be_visible()
    expect(page.get_by_text("Rows without a label, left out: 1. Row 123.")).to_be_visible()
    # Labels are read as they were written, in the picture and in the sentence about the smallest one.
    expect(page.locator(".js-plotly-plot").first).to_contain_text("<svg onload")
    expect(page.get_by_text("alert(1)").first).to_be_visible()
    expect(page.get_by_text("is the text of the row 0", exact=False).first).to_be_visible()
    page.locator(".js-plotly-plot .nsewdrag").first.hover(position={"x": 20, "y": 12})
    expect(page.locator(".js-plotly-plot .hoverlayer").first).to_contain_text("texts with the label")
    check()


def test_a_file_that_cannot_be_read_is_one_sentence_and_the_next_one_is_read(opened: Opened) -> None:
    page = opened("/classify?lang=en", heading="Classify")
    upload(page, "broken.csv", b'text,label\n"never closed,x\n')
    expect(page.get_by_text("a quotation mark is never closed")).to_be_visible()
    expect(page.get_by_role("button", name="Start the race")).to_be_disabled()
    rows = "".join(f"eine Zeile mit Wörtern {n},{n % 2}\n" for n in range(20))
    page.locator("input[type=file]").first.set_input_files(
        {"name": "good.csv", "mimeType": "text/csv", "buffer": ("text,label\n" + rows).encode("utf-16")}
    )
    expect(page.get_by_text("20 texts with 2 labels")).to_be_visible()
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
