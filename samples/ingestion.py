"""Ingest a model and ask how far it is: Ingestion.ps1 as a Python program.

    python samples/ingestion.py                                               a short demonstration
    python samples/ingestion.py -IngestAsset -ModelLocation DIRECTORY -ModelName robot.gltf -Poll
    python samples/ingestion.py -GetAssetStatus -Id ID -Poll

The account stands in arrconfig.json (of this directory, or -ConfigFile), as for the PowerShell
script; rendering_session.py --help tells more. The two containers stand there too, as URLs:
{"azureStorageSettings": {"inputContainerUrl": "...", "outputContainerUrl": "..."}, "modelSettings":
{"modelLocation": "..."}}. A URL is that of a Blob container with its shared access signature (read,
list and write for the input, write for the output), or file:///DIRECTORY for an emulator with
--container-root. The original signed them itself, with the subscription's rights; this needs none:
  az storage container generate-sas --name arrinput --permissions rlw --expiry ...

-ModelLocation is a directory of this machine, all files of which are copied into the input
container; without it the model is there already. -OutputLocation is a directory for the archive,
when the emulator inside the process makes it.

The asset's id and its last status go to the standard output, progress to the standard error. Exit
code: 0 done, 1 refused or failed, 2 the command line or the file is wrong, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import List, NamedTuple, Optional
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import requests

from arr import ARRIngestionSessionStatus, ARRResult, AzureFrontend, IngestAssetParams
from script_stage import (
    FAILED, Config, Host, Mistake, find_host, finish, frontend_of, parse, poll, read_config, run,
    say, setting,
)

NAME = "ingestion.py"
ROBOT = Path(__file__).resolve().parent / "models" / "robot"
SETTINGS_NAME = "ModelIngestionSettings.json"
HINTS = {
    ARRResult.InvalidId: "it was another account, or the service has forgotten it",
    ARRResult.InvalidParam: "the containers must be full URLs, with their signatures",
}


class Script(NamedTuple):
    """One run of the script."""

    options: argparse.Namespace
    config: Config
    host: Host
    frontend: AzureFrontend
    storage: Path  # the containers of the emulator inside this process

    def act(self) -> int:
        if self.options.get_asset_status:
            if not self.options.id:
                raise Mistake("which asset? Give the id that -IngestAsset has printed with -Id")
            return self.get_asset_status(self.options.id)
        if not self.options.ingest_asset and self.host.emulator is None:
            raise Mistake("nothing to do: -IngestAsset or -GetAssetStatus? See --help")
        return self.ingest_asset()

    def ingest_asset(self) -> int:
        demonstration = not self.options.ingest_asset
        location = self.options.model_location or setting(
            self.config, "modelSettings", "modelLocation") or (str(ROBOT) if demonstration else "")
        name = self.options.model_name or ("robot.gltf" if demonstration else "")
        if not name:
            raise Mistake("which model? Give its path in the input container with -ModelName")
        source, target = self.container("input"), self.container("output")
        if location:
            upload(Path(location), name, source)
        say(f"Ingesting {name} ...")
        asset_id = finish(self.frontend.start_asset_ingestion_async(
            IngestAssetParams(name, source, target)))
        print(asset_id, flush=True)
        if not (self.options.poll or demonstration):
            return 0
        code = self.poll_status(asset_id)
        self.collect(target)
        return code

    def get_asset_status(self, asset_id: str) -> int:
        if self.options.poll:
            return self.poll_status(asset_id)
        status = finish(self.frontend.get_ingestion_status_async(asset_id))
        print(status, flush=True)
        return FAILED if status in (Status.Failure, Status.Aborted) else 0

    def poll_status(self, asset_id: str) -> int:
        say(f"Asking every {self.host.interval:g} s ...")
        wait = self.frontend.wait_for_ingestion_async(asset_id, interval=self.host.interval)
        try:
            status = poll(wait, lambda: wait.latest or "no answer yet")
        except KeyboardInterrupt:
            if self.host.emulator is None:
                say("\nThe ingestion goes on without this script. Later:\n"
                    f"  -GetAssetStatus -Id {asset_id} -Poll")
            raise
        print(status, flush=True)
        if status == Status.Success:
            return 0
        say("The ingestion has failed. The protocol of 2019 does not say why (an emulator's log "
            "does): look at the format (glTF, GLB, FBX from 2011), at the files that the model "
            f"refers to, and at {SETTINGS_NAME}.")
        return FAILED

    # -- containers ------------------------------------------------------------------------------

    def container(self, which: str) -> str:
        """Return the URL of the input or the output container."""
        if self.host.emulator is not None:
            return (self.storage / which).as_uri()
        url = setting(self.config, "azureStorageSettings", f"{which}ContainerUrl")
        if not url:
            raise Mistake(f"{self.config.get('', 'arrconfig.json')}: set azureStorageSettings."
                          f"{which}ContainerUrl, the container's URL with its signature; --help "
                          "tells how to get one")
        return url

    def collect(self, target: str) -> None:
        """Tell what is in a container that is a directory; keep it if the user said where."""
        if not target.startswith("file:"):
            return
        for path in sorted(directory(target).iterdir()):
            say(f"{path.stat().st_size:8,} bytes  {path.name}")
            if self.options.output_location is not None:
                self.options.output_location.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.options.output_location)


Status = ARRIngestionSessionStatus


def upload(location: Path, name: str, container: str) -> None:
    """Copy the files below a directory into a container."""
    if not location.is_dir():
        raise Mistake(f"-ModelLocation {location} is not a directory")
    if not (location / name).is_file():
        raise Mistake(f"there is no {name} in {location}")
    files = sorted(path for path in location.rglob("*") if path.is_file())
    say(f"Copying {len(files)} files of {location} into the input container ...")
    for path in files:
        put(path, path.relative_to(location).as_posix(), container)


def put(path: Path, name: str, container: str) -> None:
    """Copy one file into a container."""
    if container.startswith("file:"):
        target = directory(container) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        return
    url = urlsplit(container)
    blob = url._replace(path=f"{url.path.rstrip('/')}/{quote(name)}").geturl()
    with path.open("rb") as data:
        # An empty body would else be sent in chunks, which a Blob service refuses.
        reply = requests.put(blob, data=data if path.stat().st_size else b"", timeout=(5, 300),
                             headers={"x-ms-blob-type": "BlockBlob"})
    if not reply.ok:  # no URL in the text: the signature is a secret
        raise Mistake(f"the container refused {name} with HTTP {reply.status_code}; has its "
                      "signature expired, and does it allow to write?")


def directory(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def options_of(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_argument_group("actions").add_mutually_exclusive_group()
    action.add_argument("--ingest-asset", action="store_true", help="(-IngestAsset)")
    action.add_argument("--get-asset-status", action="store_true",
                        help="of the ingestion -Id (-GetAssetStatus)")
    parser.add_argument("--id", help="the asset's id, as -IngestAsset prints it (-Id)")
    parser.add_argument("--poll", action="store_true", help="wait for the end (-Poll)")
    parser.add_argument("--model-location", metavar="DIRECTORY",
                        help="files to copy into the input container (-ModelLocation)")
    parser.add_argument("--model-name", metavar="PATH",
                        help="of the model in the input container (-ModelName)")
    parser.add_argument("--output-location", metavar="DIRECTORY", type=Path,
                        help="where the emulator's archive is to be kept (-OutputLocation)")
    parser.add_argument("--config-file", type=Path, metavar="FILE",
                        help="in place of arrconfig.json (-ConfigFile)")
    return parse(parser, arguments)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the script; return its exit code."""
    options = options_of(sys.argv[1:] if arguments is None else arguments)

    def work(cleanup: ExitStack) -> int:
        config = read_config(options.config_file)
        storage = Path(tempfile.mkdtemp(prefix="arr-ingestion-"))
        cleanup.callback(shutil.rmtree, storage, ignore_errors=True)
        for each in ("input", "output"):
            (storage / each).mkdir()
        host = find_host(config, cleanup, container_root=storage, ingestion_seconds=1.0)
        return Script(options, config, host, frontend_of(host, cleanup), storage).act()

    return run(NAME, work, HINTS)


if __name__ == "__main__":
    sys.exit(main())
