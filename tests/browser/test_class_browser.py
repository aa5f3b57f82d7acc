"""A class in two real browsers: joining with the code, the board, what the teacher shows, and leaving."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from llm_core.runs import classroom
from tests.browser.conftest import Server, act, at_rest, press
from tests.pages.recorded import write_run

RUN = "00000000000000c2"
NAME = "<img src=x onerror=\"document.title='hacked'\"> 月光"


@pytest.fixture
def people(browser: Browser, class_server: Server) -> Iterator[tuple[Page, Page]]:
    """A teacher and a student before the door, each in a browser of their own."""
    write_run(class_server.runs / RUN, until=300, state="paused", name=NAME, owner="student-00000000000000dd")
    contexts = [browser.new_context(locale=locale) for locale in ("en-US", "zh-CN")]
    pages = [context.new_page() for context in contexts]
    failures: list[str] = []
    for page in pages:
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: failures.append(str(error)))
    yield pages[0], pages[1]
    for context in contexts:
        context.close()
    assert failures == []


def join(page: Page, server: Server, code: str) -> None:
    page.goto(f"{server.url}/class")
    page.get_by_role("textbox").fill(code)
    page.get_by_role("button").click()
    page.get_by_role("heading", level=1).wait_for()
    at_rest(page)


def test_a_class_joins_sees_all_runs_follows_the_teacher_and_leaves(
    people: tuple[Page, Page], class_server: Server
) -> None:
    teacher, student = people
    opened = classroom.read(class_server.runs)
    assert opened is not None

    student.goto(f"{class_server.url}/class")
    student.get_by_role("textbox").fill("zzzzzz")
    student.get_by_role("button").click()
    expect(student.get_by_role("alert").first).to_be_visible()
    join(teacher, class_server, opened.teacher_code.upper())
    join(student, class_server, opened.student_code)

    expect(teacher.locator(".t-door")).to_contain_text(opened.student_code)
    expect(student.locator(".t-door")).to_have_count(0)
    for page, may_stop in ((teacher, True), (student, False)):
        card = page.locator(".t-board-card", has_text="月光")
        expect(card.locator(".t-board-name")).to_have_text(NAME)
        assert len(str(card.locator("polyline").get_attribute("points")).split()) > 20
        expect(card.get_by_role("button")).to_be_visible(visible=may_stop)
        assert page.title() != "hacked"

    teacher.goto(f"{class_server.url}/train?run={RUN}")
    at_rest(teacher)
    press(
        teacher.get_by_role("button", name="Show this view to all"),
        teacher.get_by_text("A view is shown to all.").is_visible,
    )
    bar = student.locator(".t-shown")
    expect(bar).to_be_visible()
    bar.get_by_role("link").click()
    student.get_by_role("heading", level=1, name="训练").wait_for()
    assert f"run={RUN}" in student.url
    expect(bar).to_be_hidden()

    teacher.goto(f"{class_server.url}/class")
    card = teacher.locator(".t-board-card", has_text="月光")
    act(teacher, card.get_by_role("button").click, lambda: "stopped" in card.inner_text())

    student.goto(f"{class_server.url}/class")
    at_rest(student)
    leave = student.get_by_role("button", name="退出课堂")
    press(student.get_by_text("退出课堂").first, leave.is_visible)
    leave.click()
    expect(student.locator("input[name=code]")).to_be_visible()
