"""Wrong codes, counted for each address, so that none can be guessed."""

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST = 20
SECONDS = 60.0
"""So many wrong codes in so long a time. Six letters out of 31 are 887 million codes: 42 years of guessing for an even
chance."""
_MOST_ADDRESSES = 10_000


class Attempts:
    """Who has typed how many wrong codes lately. For one thread: the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str | None) -> float:
        """Seconds until this address may try again; 0 where it may now."""
        times = self._wrong.get(_place(address), deque())
        while times and times[0] <= self._clock() - SECONDS:
            times.popleft()
        return times[0] + SECONDS - self._clock() if len(times) >= MOST else 0.0

    def note(self, address: str | None) -> None:
        """A wrong code came from here."""
        place = _place(address)
        self._wrong.setdefault(place, deque(maxlen=MOST)).append(self._clock())
        self._wrong.move_to_end(place)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


def _place(address: str | None) -> str:
    """The address itself, or of IPv6 the network of 64 bits, in which one computer may take any address it likes."""
    try:
        found = ipaddress.ip_address((address or "").split("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
