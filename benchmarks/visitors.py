"""Servers and scripted browsers for the load benchmarks: what a browser sends and hears, without drawing any of it.

A `Tab` speaks Streamlit's own protocol (protobuf messages over a websocket) and an `Http` asks the routes as the scripts
of a page do; both are asyncio objects, so that hundreds of them cost little beside the server that they load.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from pathlib import Path
from typing import Any

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from llm_core.runs.speed import FILE, Speed, write_speed

ROOT = Path(__file__).parents[1]
_RUN = re.compile(r'"run": ?"([a-z0-9_-]{1,64})"')
VALUES = {
    "text_input": "string_value", "text_area": "string_value", "number_input": "double_value", "slider": "double_array_value",
    "button": "trigger_value", "checkbox": "bool_value",
}  # fmt: skip
"""The kinds of widgets that are moved here, each with the field that holds its value."""


class Server:
    """A server of the program on a free port. `start` again after `kill` serves the same runs on the same port."""

    def __init__(self, runs: Path, *, in_class: bool = False) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._environment = {**os.environ, "TERRARIUM_RUNS": str(runs), "TERRARIUM_CLASSROOM": "1" if in_class else ""}
        self.log = runs.with_name("server.log")
        self.process: psutil.Popen | None = None

    def start(self, patience: float = 60.0) -> float:
        """Seconds until it answered. It does not measure this machine meanwhile, as a server does once."""
        runs = Path(self._environment["TERRARIUM_RUNS"])
        runs.mkdir(parents=True, exist_ok=True)
        if not (runs / FILE).exists():
            write_speed(runs, Speed(measured=True))
        begun = time.perf_counter()
        with self.log.open("ab") as output:
            self.process = psutil.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port), "--server.headless", "true"],
                cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        while time.perf_counter() - begun < patience and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=1).close()
            except urllib.error.HTTPError:
                return time.perf_counter() - begun  # the gate of a class answers too
            except OSError:
                time.sleep(0.02)
            else:
                return time.perf_counter() - begun
        raise SystemExit(f"the server did not answer:\n{self.log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """End the server itself as nothing can refuse it; its workers are left alone."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def megabytes(self) -> float:
        """Memory that is the server's own."""
        assert self.process is not None
        return float(self.process.memory_full_info().uss) / 1e6

    @property
    def cpu_seconds(self) -> float:
        assert self.process is not None
        times = self.process.cpu_times()
        return float(times.user + times.system)


class Http:
    """One kept connection of a browser to the routes."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self._port, self._cookie = port, cookie
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, posted: object = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; a JSON body where something is posted."""
        body = b"" if posted is None else posted if isinstance(posted, bytes) else json.dumps(posted).encode()
        kind = "application/x-www-form-urlencoded" if isinstance(posted, bytes) else "application/json"
        lines = [
            f"{'GET' if posted is None else 'POST'} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", "Accept-Encoding: gzip",
            "Accept: */*", *([f"Cookie: {self._cookie}"] if self._cookie else []),
            *([f"Content-Type: {kind}", f"Content-Length: {len(body)}"] if posted is not None else []),
        ]  # fmt: skip
        message = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
        for fresh in (False, True):
            if self._streams is None or fresh:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            try:
                writer.write(message)
                return await _answer(reader)
            except (ConnectionError, asyncio.IncompleteReadError):  # an idle connection that the server has closed
                if fresh:
                    raise
        raise AssertionError

    async def json(self, path: str, posted: object = None) -> Any:
        """The JSON answer. Raises RuntimeError for any status but 200."""
        status, _headers, body = await self.ask(path, posted)
        if status != 200:
            raise RuntimeError(f"{path.partition('?')[0]} answered {status}: {body[:200]!r}")
        return json.loads(body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    if headers.get("content-encoding") == "gzip":
        body = zlib.decompress(body, 31)
    return int(head[0].split()[1]), headers, body


async def join(port: int, code: str) -> str:
    """The cookie of a browser that has typed the code of a class."""
    http = Http(port)
    status, headers, _body = await http.ask("/join", f"code={code}&then=/".encode())
    http.close()
    if status != 303:
        raise RuntimeError(f"joining answered {status}")
    return headers["set-cookie"].partition(";")[0]


class Tab:
    """One tab: its socket, the widgets on its page by their labels, and what has come."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self._port, self._cookie = port, cookie
        self.widgets: dict[str, tuple[str, str]] = {}
        self.pages: dict[str, str] = {}
        self.page = ""
        self.run: str | None = None
        self.scripts = 0
        self.faults: list[str] = []
        self.query = ""
        self._finished = asyncio.Event()

    async def open(self, page: str, query: str = "") -> float:
        """Connect and draw a page; seconds until its script has finished."""
        begun = time.perf_counter()
        self.page, self.query = page, query
        self._socket = await websockets.connect(
            f"ws://127.0.0.1:{self._port}/_stcore/stream", subprotocols=[websockets.Subprotocol("streamlit")], max_size=None,
            additional_headers={"Cookie": self._cookie} if self._cookie else {}, open_timeout=60, compression=None,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        await self._rerun({}, first=True)
        return time.perf_counter() - begun

    async def turn_to(self, page: str) -> float:
        """Go to another page as the navigation does; seconds until its script has finished."""
        self.page, self.query, self.widgets, self.run = page, "", {}, None
        return await self._rerun({})

    async def set(self, **values: Any) -> float:
        """Move widgets, named by their labels, underscores for spaces; seconds until the script has finished."""
        return await self._rerun({label.replace("_", " "): value for label, value in values.items()})

    async def _rerun(self, values: dict[str, Any], *, first: bool = False) -> float:
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string = self.query
        if first or self.page not in self.pages:
            asked.page_name = self.page
        else:
            asked.page_script_hash = self.pages[self.page]
        asked.context_info.timezone, asked.context_info.locale = "UTC", "en-US"
        asked.context_info.url = f"http://127.0.0.1:{self._port}/{self.page}"
        for label, value in values.items():
            kind, identity = self.widgets[label]
            state = asked.widget_states.widgets.add()
            state.id = identity
            if isinstance(value, list):
                getattr(state, VALUES[kind]).data.extend(value)
            else:
                setattr(state, VALUES[kind], value)
        begun = time.perf_counter()
        self._finished.clear()
        await self._socket.send(message.SerializeToString())
        await asyncio.wait_for(self._finished.wait(), 120)
        return time.perf_counter() - begun

    async def _read(self) -> None:
        try:
            async for data in self._socket:
                if isinstance(data, bytes):
                    self._take(ForwardMsg.FromString(data))
        except websockets.ConnectionClosed:
            pass
        self._finished.set()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.scripts += 1
        elif kind == "navigation":
            self.pages |= {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "script_finished":
            self._finished.set()
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            name = element.WhichOneof("type")
            if name in VALUES:
                widget = getattr(element, name)
                self.widgets[widget.label] = name, widget.id
            elif name == "exception":
                self.faults.append(element.exception.message)
            elif name == "bidi_component":
                found = _RUN.search(element.bidi_component.mixed.json or element.bidi_component.json)
                self.run = found[1] if found else self.run

    async def close(self) -> None:
        await self._socket.close()
        await self._reading


class Watcher:
    """What the live component of a page does: asks for the new rows of a run whenever the last reply said to."""

    def __init__(self, http: Http, run: str, language: str = "en") -> None:
        self.http, self.run, self._language = http, run, language
        self.next = 0
        self.rows = 0
        self.head: dict[str, Any] = {}
        self.asked = 0

    async def ask(self) -> float:
        """Seconds that the reply took."""
        begun = time.perf_counter()
        self.head = await self.http.json(f"/live/{self.run}?from={self.next}&lang={self._language}")
        self.next, self.asked = int(self.head["next"]), self.asked + 1
        self.rows += len(self.head["rows"])
        return time.perf_counter() - begun

    async def follow(self, taken: list[float]) -> None:
        """For good, until cancelled."""
        while True:
            taken.append(await self.ask())
            await asyncio.sleep(float(self.head["poll_milliseconds"]) / 1000)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of all lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
