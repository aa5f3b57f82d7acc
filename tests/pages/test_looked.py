"""A crowd that asks about models leaves threads to what moves by itself, and a text is written once for all who ask."""

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from anyio.to_thread import current_default_thread_limiter, run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from pages.ui import writing
from pages.ui.http import looked
from pages.ui.streaming import Part
from pages.ui.writing import Writing


def request(gone: threading.Event | None = None) -> Request:
    async def receive() -> Message:
        if gone is None or not gone.is_set():
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def test_looks_that_wait_leave_threads_to_others_and_who_has_gone_is_not_answered() -> None:
    held, gone = threading.Event(), threading.Event()
    begun: list[int] = []
    answers: list[int] = []

    def work() -> Response:
        begun.append(1)
        assert held.wait(20)
        return Response()

    async def ask(asked: Request) -> None:
        answers.append((await looked(asked, work)).status_code)

    async def crowd() -> None:
        limit = int(current_default_thread_limiter().total_tokens)
        async with anyio.create_task_group() as tasks:
            for _ in range(limit):
                tasks.start_soon(ask, request())
            tasks.start_soon(ask, request(gone))
            try:
                with anyio.fail_after(10):
                    await run_sync(time.perf_counter)  # as `./live` does
                    while not begun:
                        await anyio.sleep(0.001)
                assert len(begun) < limit / 2
                gone.set()
            finally:
                held.set()
        assert sorted(answers) == [200] * limit + [499]
        assert len(begun) == limit

    with ThreadPoolExecutor(1) as thread:  # a browser test before may have left a loop in this one
        thread.submit(anyio.run, crowd).result()


def test_a_text_that_many_wait_for_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Writing(run="0" * 16, step=1, prompt="once")
    written: list[int] = []

    def write(_writing: Writing) -> Generator[Part, None, None]:
        kept = writing._finished.get(asked.identity)
        if kept is not None:
            yield kept
            return
        written.append(1)
        time.sleep(0.05)
        text: Part = {"prompt": [], "tokens": [{"text": "a"}], "done": {"seconds": 0.0}}
        writing._finished.put(asked.identity, text)
        yield text

    monkeypatch.setattr(writing, "write", write)
    monkeypatch.setattr(writing, "_finished", writing._Finished())
    texts: list[Part] = []
    crowd = [threading.Thread(target=lambda: texts.append(writing.whole(asked))) for _ in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(10)
    assert len(written) == 1
    assert [len(text["tokens"]) for text in texts] == [1] * 6
    assert not writing._turns._locks, "nothing is kept of who waited"
