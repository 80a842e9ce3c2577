"""What rendering_session.py and ingestion.py share: options in two spellings, arrconfig.json, the
service to talk to, polling with progress, and what a failure tells and returns.

Run one of the two; this file alone does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, TypeVar

from arr import (
    ARRResult, AzureFrontend, AzureFrontendAccountInfo, IAsync, RRException, RRSessionException,
    SessionLocation,
)
from arr.emulator import Emulator

T = TypeVar("T")
Config = Dict[str, Any]

CONFIG_NAME = "arrconfig.json"
ENVIRONMENT = ("ARR_ACCOUNT_DOMAIN", "ARR_ACCOUNT_ID", "ARR_ACCOUNT_KEY")
TICK = 0.2  # seconds; waits are this short so that Ctrl-C is heard on Windows too

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes


class Mistake(Exception):
    """Something that the user of the script has to correct; the text says what."""


class Host(NamedTuple):
    """The service to talk to, and where that was written."""

    account: AzureFrontendAccountInfo
    source: str
    interval: float  # seconds between two polls
    emulator: Optional[Emulator]


# -- options: -CreateSession as in PowerShell, --create-session as everywhere else -----------------

def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line in either spelling; as in PowerShell, case does not matter and the
    beginning of a name is enough, and so does ``-Id:value``."""
    names = {name.replace("-", ""): name for action in parser._actions
             for name in action.option_strings if name.startswith("--")}
    return parser.parse_args([_kebab(argument, names) for argument in arguments])


def _kebab(argument: str, names: Dict[str, str]) -> str:
    match = re.match(r"--?([A-Za-z][A-Za-z-]*)(?:[:=](.*))?\Z", argument, re.DOTALL)
    if argument == "-?":
        return "--help"
    if match is None:
        return argument
    name = match.group(1).replace("-", "").lower()
    meant = [name] if name in names else [each for each in names if each.startswith(name)]
    if len(meant) != 1:
        return argument  # the parser says what it does not know
    value = match.group(2)
    return names[meant[0]] + ("" if value is None else f"={value}")


# -- the configuration file ------------------------------------------------------------------------

def read_config(chosen: Optional[Path]) -> Config:
    """Read the file that was chosen, else arrconfig.json of this directory or of the script's."""
    places = [chosen] if chosen else [
        Path(CONFIG_NAME), Path(__file__).resolve().parent / CONFIG_NAME]
    for place in places:
        if place.is_file():
            return {**_read(place), "": str(place)}
    if chosen:
        raise Mistake(f"there is no file {chosen}")
    return {}


def _read(path: Path) -> Config:
    try:
        config = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise Mistake(f"{path} is not JSON: {error}") from None
    if not isinstance(config, dict):
        raise Mistake(f"{path} does not hold a JSON object")
    return config


def setting(config: Config, section: str, name: str) -> str:
    """Return a text of the file, "" when it is absent; a placeholder is a mistake."""
    part = config.get(section) or {}
    value = part.get(name) if isinstance(part, dict) else None
    text = "" if value is None else str(value).strip()
    if text.startswith("<") and text.endswith(">"):
        raise Mistake(f"{config['']}: {section}.{name} is still {text}; fill it in")
    return text


# -- the service -----------------------------------------------------------------------------------

def find_host(config: Config, cleanup: ExitStack, **emulator_options: Any) -> Host:
    """Return the service that file and environment name, else one inside this process."""
    domain = setting(config, "accountSettings", "accountDomain")
    region = setting(config, "accountSettings", "region")
    if not domain and region:
        domain = f"{region}.mixedreality.azure.com"
    account_id = setting(config, "accountSettings", "arrAccountId")
    key = setting(config, "accountSettings", "arrAccountKey")
    from_file = bool(domain or account_id or key)
    domain, account_id, key = (os.environ.get(name) or value for name, value in
                               zip(ENVIRONMENT, (domain, account_id, key)))
    if not (domain or account_id or key):
        return _embedded(cleanup, emulator_options)
    source = config[""] if from_file else "the environment"
    names = ("accountSettings.region", "accountSettings.arrAccountId",
             "accountSettings.arrAccountKey")
    for value, name, variable in zip((domain, account_id, key), names, ENVIRONMENT):
        if not value:
            raise Mistake(f"{source} does not say all: set {name} in {CONFIG_NAME}, or {variable}")
    say(f"Service: {domain} (from {source})")
    account = AzureFrontendAccountInfo(domain, account_id, key, location=SessionLocation.ignore)
    local = domain.startswith("http://")
    return Host(account, source, 0.25 if local else 10.0, None)  # the real one counts requests


def _embedded(cleanup: ExitStack, options: Dict[str, Any]) -> Host:
    emulator = cleanup.enter_context(Emulator(**options))
    say(f"Service: {emulator.url}, an emulator inside this process, because there is no "
        f"{CONFIG_NAME}.\n         It ends with this script, and its sessions with it.")
    account = AzureFrontendAccountInfo(emulator.url, emulator.account_id, emulator.account_key,
                                       location=SessionLocation.ignore)
    return Host(account, "the emulator", 0.25, emulator)


# -- waiting ---------------------------------------------------------------------------------------

def say(text: str) -> None:
    """Tell the user; what a program might read goes to the standard output instead."""
    print(text, file=sys.stderr, flush=True)


def finish(operation: IAsync[T]) -> T:
    """Wait for an operation and return its value, or raise what has gone wrong."""
    while not operation.wait(TICK):
        pass
    return operation.result


def poll(wait: IAsync[T], status: Callable[[], object]) -> T:
    """Wait for something that polls, with a line each time (on a terminal: always the same)."""
    began = time.monotonic()
    terminal = sys.stderr.isatty()

    def show(polled: IAsync[T]) -> None:  # on a background thread
        line = f"  {time.monotonic() - began:6.1f} s  {status()}"
        print(f"\r{line:<40}" if terminal else line, end="" if terminal else "\n",
              file=sys.stderr, flush=True)

    wait.progress_changed += show
    try:
        return finish(wait)
    finally:
        wait.progress_changed -= show
        if terminal:
            print(file=sys.stderr)


# -- the frame around both scripts -----------------------------------------------------------------

def run(name: str, work: Callable[[ExitStack], int],
        hints: Optional[Dict[ARRResult, str]] = None) -> int:
    """Do the work of a script; return its exit code, and tell the user what has gone wrong."""
    said: List[str] = []
    try:
        with ExitStack() as cleanup:
            return work(cleanup)
    except Mistake as mistake:
        said.append(str(mistake))
        code = USAGE
    except RRException as error:
        said.append(str(error))
        hint = (hints or {}).get(error.error_code) or HINTS.get(error.error_code)
        if hint:
            said.append(hint)
        code = FAILED if isinstance(error, RRSessionException) else USAGE
    except OSError as error:
        said.append(str(error))
        code = FAILED
    except KeyboardInterrupt:
        said.append("interrupted")
        code = INTERRUPTED
    for line in said:
        say(f"{name}: {line}")
    return code


HINTS = {
    ARRResult.AuthenticationFailed: "check arrAccountId, arrAccountKey and region: they stand in "
                                    "the Azure portal, under the account's Overview and Keys",
    ARRResult.NoConnection: "check region (or accountDomain), the network and the proxy",
    ARRResult.TooManyRequests: "5 to 10 seconds between two calls are fine",
}


def frontend_of(host: Host, cleanup: ExitStack) -> AzureFrontend:
    """Return a frontend that is disposed at the end."""
    return cleanup.enter_context(AzureFrontend(host.account))
