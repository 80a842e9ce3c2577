"""The life of a session over https and aio: aiohttp reads SSL_CERT_FILE once, when it is imported.

Run as ``python -m tests.emulator.judges.aio_life CERTIFICATE KEY`` with that variable set.
"""

from __future__ import annotations

import sys

from arr.emulator import Emulator

from .stock import AioStock, with_key
from .test_stock_sdk import live

if __name__ == "__main__":
    with Emulator(startup_seconds=0.05, certificate=sys.argv[1],
                  private_key=sys.argv[2]) as emulator:
        client = with_key(AioStock, emulator, emulator.account_key)
        live(client, "Demo-1")
        client.close()
        assert emulator.requests()[0]["route"] == "token"
    print("lived")
