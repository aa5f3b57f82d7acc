"""What the terminal says when a class opens: where it is found on the local network, and the two codes."""

import contextlib
import socket

import psutil

from llm_core.runs.classroom import Classroom

VIRTUAL = ("docker", "br-", "veth", "virbr", "vboxnet", "vmnet", "lxc", "cni")


def addresses(port: int, certificate: str | None = None) -> list[str]:
    """Where other computers of the local network find this server, such as `http://192.168.1.5:8501`; by https where it has
    a certificate.

    Asks this computer only, nothing is sent. The one that leads out of this computer comes first; those of virtual
    machines and containers are left out. This computer's own address when it has no other.
    """
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        each.address
        for name, several in psutil.net_if_addrs().items()
        for each in several
        if name in up and not name.startswith(VIRTUAL)
        and each.family == socket.AF_INET and not each.address.startswith(("127.", "169.254."))
    ]  # fmt: skip
    outward = _outward()
    found.sort(key=lambda address: address != outward)
    scheme = "https" if certificate else "http"
    return [f"{scheme}://{address}:{port}" for address in found or ["127.0.0.1"]]


def _outward() -> str:
    """The address from which this computer would send something out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked, contextlib.suppress(OSError):
        asked.connect(("192.0.2.1", 9))  # an address that belongs to nobody (RFC 5737)
        return str(asked.getsockname()[0])
    return ""


def announcement(classroom: Classroom, port: int, certificate: str | None = None) -> str:
    """Lines to write on the board; the teacher's code is none of them."""
    places = "\n".join(f"    {place}" for place in addresses(port, certificate))
    return (
        f"\n  A class is open. On the board:\n\n{places}\n    code  {classroom.student_code}\n\n"
        f"  For the teacher alone:\n\n    code  {classroom.teacher_code}\n\n"
    )
