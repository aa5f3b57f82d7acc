"""Only links to pages of this program are followed after joining or shown to a class."""

import socket
from types import SimpleNamespace

import pytest

from llm_core.runs.classroom import Classroom
from pages.ui.classroom import announcement
from pages.ui.classroom.links import inside, inside_of

HOST = "192.168.1.5:8501"
FOREIGN = [
    "https://evil.example/", "//evil.example/train", "///evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "data:text/html,x", "/train\n/x", "/train#x", "/../x", "/train?x=<script>", '/train?"onclick="x', "http://192.168.1.5:8502/train",
    "http://192.168.1.5:8501@evil.example/train", "http://evil.example\\@192.168.1.5:8501/", "ftp://192.168.1.5:8501/train",
    "/train?" + "x" * 3000, "/live/0123456789abcdef", "http://[", "/trAin", "/\u0000", "/é",
]  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_what_leads_elsewhere_is_no_link(text: str) -> None:
    assert inside(text) is None
    found = inside_of(text, HOST)
    assert found is None or inside(found) == found


@pytest.mark.parametrize("text", [text for text in FOREIGN if "#" not in text and "\n" not in text])
def test_what_leads_elsewhere_is_shown_to_nobody(text: str) -> None:
    assert inside_of(text, HOST) is None


@pytest.mark.parametrize(
    ("pasted", "link"),
    [
        ("http://192.168.1.5:8501/train?run=0123456789abcdef&lang=zh", "/train?run=0123456789abcdef"),
        ("/fill_mask?lang=en", "/fill_mask"), (" ./inside?view=lens&text=a%20b%E4%B8%AD ", "/inside?view=lens&text=a%20b%E4%B8%AD"),
        ("train", "/train"), ("HTTP://192.168.1.5:8501", "/"), ("?run=1", "/?run=1"), ("", "/"),
    ],
)  # fmt: skip
def test_what_was_pasted_becomes_a_link_to_the_page_without_the_language(pasted: str, link: str) -> None:
    assert inside_of(pasted, HOST) == link
    assert inside(link) == link


def test_the_terminal_names_addresses_that_others_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def card(address: str, family: int = socket.AF_INET) -> SimpleNamespace:
        return SimpleNamespace(family=family, address=address)

    cards = {"lo": [card("127.0.0.1")], "eth0": [card("10.0.0.7"), card("fe80::1", socket.AF_INET6)], "wlan0": [card("192.168.1.5")], "docker0": [card("172.17.0.1")], "eth1": [card("10.9.9.9")], "eth2": [card("169.254.1.1")]}  # fmt: skip
    monkeypatch.setattr(announcement.psutil, "net_if_addrs", lambda: cards)
    monkeypatch.setattr(announcement.psutil, "net_if_stats", lambda: {name: SimpleNamespace(isup=name != "eth1") for name in cards})  # fmt: skip
    monkeypatch.setattr(announcement, "_outward", lambda: "192.168.1.5")
    assert announcement.addresses(8501) == ["http://192.168.1.5:8501", "http://10.0.0.7:8501"]
    assert announcement.addresses(8501, "own.pem") == ["https://192.168.1.5:8501", "https://10.0.0.7:8501"]
    said = announcement.announcement(Classroom(student_code="abcdef", teacher_code="abcdefghjk"), 8501, "own.pem")
    assert "https://192.168.1.5:8501" in said
    assert "http://" not in said
    cards.clear()
    assert announcement.addresses(8501) == ["http://127.0.0.1:8501"]
