"""Create, list, extend and stop rendering sessions: RenderingSession.ps1 as a Python program.

    python samples/rendering_session.py                                   a short demonstration
    python samples/rendering_session.py -CreateSession -VmSize standard -MaxLeaseTime 4:00:00 -Poll
    python samples/rendering_session.py -GetSessionProperties -Id ID -Poll
    python samples/rendering_session.py -UpdateSession -Id ID -MaxLeaseTime 5:00:00
    python samples/rendering_session.py -StopSession -Id ID
    python samples/rendering_session.py -GetSessions

The account stands in arrconfig.json (of this directory, or -ConfigFile), as for the PowerShell
script: {"accountSettings": {"arrAccountId": "...", "arrAccountKey": "...", "region": "westus2"},
"renderingSessionSettings": {"vmSize": "standard", "maxLeaseTime": "4:00:00"}}. accountDomain in
place of region names any other host, such as http://127.0.0.1:8080. ARR_ACCOUNT_DOMAIN,
ARR_ACCOUNT_ID and ARR_ACCOUNT_KEY win over the file. Without any account an emulator inside the
process is the service.

Results go to the standard output, progress to the standard error. Exit code: 0 done, 1 the service
refused or the session did not become ready, 2 the command line or the file is wrong, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from arr import (
    ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureSession,
    CreateRenderingSessionParams, RRRenderingSessionProperties, UpdateRenderingSessionParams,
)
from script_stage import (
    FAILED, Config, Host, Mistake, find_host, finish, frontend_of, parse, poll, read_config, run,
    say, setting,
)

NAME = "rendering_session.py"
SIZES = [size.value for size in ARRRenderingSessionVmSize if size.value]
HINTS = {
    ARRResult.SessionNotFound: "-GetSessions lists the sessions that run; one that has ended is "
                               "forgotten after 30 days",
    ARRResult.InvalidParam: "a new lease is a total, and must be longer than the present one",
}


class Script(NamedTuple):
    """One run of the script."""

    options: argparse.Namespace
    config: Config
    host: Host
    frontend: AzureFrontend

    # -- the actions -----------------------------------------------------------------------------

    def create_session(self) -> AzureSession:
        size = self.options.vm_size or setting(
            self.config, "renderingSessionSettings", "vmSize") or "standard"
        if size.lower() not in SIZES:
            raise Mistake(f"there is no VM size {size!r}, only {', '.join(SIZES)}")
        hours, minutes = self.lease("4:00:00")
        say(f"Creating a session: {size.lower()}, lease {hours}:{minutes:02}:00 ...")
        session = finish(self.frontend.create_rendering_session_async(CreateRenderingSessionParams(
            ARRRenderingSessionVmSize(size.lower()), hours, minutes)))
        print(session.session_uuid, flush=True)
        return session

    def get_session_properties(self, session: AzureSession) -> int:
        show([finish(session.get_rendering_session_properties_async())])
        return 0

    def poll_session(self, session: AzureSession) -> int:
        """Wait until the machine has started; the original waited for ever on one that had not."""
        say(f"Waiting until it is ready, asking every {self.host.interval:g} s ...")
        try:
            properties = poll(session.wait_until_ready_async(interval=self.host.interval),
                              lambda: session.status)
        except KeyboardInterrupt:
            if self.host.emulator is None:
                say(f"\nThe session goes on without this script, until its lease ends. Later:\n"
                    f"  -GetSessionProperties -Id {session.session_uuid} -Poll\n"
                    f"  -StopSession -Id {session.session_uuid}")
            raise
        show([properties])
        if properties.status == ARRRenderingSessionStatus.Ready:
            return 0
        say(f"The session is {properties.status}, and will not be ready any more: "
            f"{properties.message or 'the service gives no reason'}")
        return FAILED

    def update_session(self, session: AzureSession) -> int:
        hours, minutes = self.lease("")
        finish(session.update_rendering_session_async(UpdateRenderingSessionParams(hours, minutes)))
        say(f"The lease is {hours}:{minutes:02}:00 in total now.")
        return 0

    def stop_session(self, session: AzureSession) -> int:
        finish(session.stop_rendering_session_async())
        say("The session is stopped.")
        return 0

    def get_sessions(self) -> int:
        sessions = finish(self.frontend.get_current_rendering_sessions_async())
        show(sessions)
        say(f"{len(sessions)} session{'' if len(sessions) == 1 else 's'} starting or ready.")
        return 0

    # -- how they are chosen ---------------------------------------------------------------------

    def act(self) -> int:
        options = self.options
        if options.get_sessions:
            return self.get_sessions()
        if options.get_session_properties or options.update_session or options.stop_session:
            session = self.session()
            if options.update_session:
                return self.update_session(session)
            if options.stop_session:
                return self.stop_session(session)
            return (self.poll_session if options.poll else self.get_session_properties)(session)
        if not options.create_session and self.host.emulator is not None:
            return self.demonstrate()
        created = self.create_session()
        # As the original: with no action at all it creates a session, and polls.
        return self.poll_session(created) if options.poll or not options.create_session else 0

    def demonstrate(self) -> int:
        """Show each action once."""
        say("\n> -CreateSession -Poll")
        session = self.create_session()
        code = self.poll_session(session)
        say(f"\n> -UpdateSession -Id {session.session_uuid} -MaxLeaseTime 5:00:00")
        self.options.max_lease_time = "5:00:00"
        code = code or self.update_session(session)
        say("\n> -GetSessions")
        code = code or self.get_sessions()
        say(f"\n> -StopSession -Id {session.session_uuid}")
        code = code or self.stop_session(session)
        say(f"\n> -GetSessionProperties -Id {session.session_uuid}")
        return code or self.get_session_properties(session)

    def session(self) -> AzureSession:
        if not self.options.id:
            raise Mistake("which session? Give its id with -Id; -GetSessions lists them")
        return self.frontend.open_rendering_session(self.options.id)

    def lease(self, default: str) -> Tuple[int, int]:
        """Return hours and minutes of -MaxLeaseTime, hh:mm:ss."""
        text = self.options.max_lease_time or setting(
            self.config, "renderingSessionSettings", "maxLeaseTime") or default
        match = re.match(r"(?:(\d+)\.)?(\d+):(\d+)(?::(\d+))?\Z", text)
        if match is None:
            raise Mistake(f"the lease must be hh:mm:ss in -MaxLeaseTime, not {text!r}" if text
                          else "how long? Give the new total lease with -MaxLeaseTime hh:mm:ss")
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = (days * 24 + hours) * 60 + minutes + (seconds > 0)  # the API knows whole minutes
        return divmod(total, 60)


def show(sessions: List[RRRenderingSessionProperties]) -> None:
    """Print sessions, one after the other, in lines that are easy to search."""
    for properties in sessions:
        for name, value in (
                ("Id", properties.id), ("Status", properties.status),
                ("Size", properties.size_string), ("Elapsed", properties.elapsed_time),
                ("MaxLease", properties.max_lease), ("Hostname", properties.hostname),
                ("Message", properties.message)):
            if str(value):
                print(f"{name:<9} {value}", flush=True)
        print(flush=True)


def options_of(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_argument_group("actions").add_mutually_exclusive_group()
    action.add_argument("--create-session", action="store_true", help="(-CreateSession)")
    action.add_argument("--get-session-properties", action="store_true",
                        help="of the session -Id (-GetSessionProperties)")
    action.add_argument("--update-session", action="store_true",
                        help="set a longer lease for the session -Id (-UpdateSession)")
    action.add_argument("--stop-session", action="store_true",
                        help="stop the session -Id (-StopSession)")
    action.add_argument("--get-sessions", action="store_true",
                        help="list those that start or run (-GetSessions)")
    parser.add_argument("--id", help="the session's id (-Id)")
    parser.add_argument("--poll", action="store_true",
                        help="wait until the session is ready (-Poll)")
    parser.add_argument("--vm-size", metavar="SIZE", help=f"{', '.join(SIZES)} (-VmSize)")
    parser.add_argument("--max-lease-time", metavar="HH:MM:SS",
                        help="the lease in total, never an increment (-MaxLeaseTime)")
    parser.add_argument("--config-file", type=Path, metavar="FILE",
                        help="in place of arrconfig.json (-ConfigFile)")
    return parse(parser, arguments)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the script; return its exit code."""
    options = options_of(sys.argv[1:] if arguments is None else arguments)

    def work(cleanup: ExitStack) -> int:
        config = read_config(options.config_file)
        host = find_host(config, cleanup, startup_seconds=1.5)
        return Script(options, config, host, frontend_of(host, cleanup)).act()

    return run(NAME, work, HINTS)


if __name__ == "__main__":
    sys.exit(main())
