"""A local Azure Remote Rendering service, as it was in December 2019.

    with Emulator(port=0) as emulator:
        print(emulator.url, emulator.account_id, emulator.account_key)

or `python -m arr.emulator` in a terminal.
"""

from ._clock import Clock, SystemClock
from ._emulator import (DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY, DEFAULT_ALLOWED_HOSTS,
                        Emulator)
from ._faults import Fault, Hold

__all__ = [
    "Clock",
    "DEFAULT_ACCOUNT_ID",
    "DEFAULT_ACCOUNT_KEY",
    "DEFAULT_ALLOWED_HOSTS",
    "Emulator",
    "Fault",
    "Hold",
    "SystemClock",
]
