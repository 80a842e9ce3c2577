"""What lies around a model and its archive, by era: names and schemas, nothing that works.

An era also has its own words for the parts of a request, which texts about them use.
``{stem}`` stands for the model's name without its ending. Names of inputs are looked for beside the
model, those of outputs are written to the output folder.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

from .override_schemas import OVERRIDES_2019, OVERRIDES_2020
from .overrides import OverrideSchema
from .settings import FILE_NAME, SETTINGS_2019, SETTINGS_2020, SettingsSchema


class RequestNames(NamedTuple):
    """What a request of one era calls the model's name, its two containers, and a folder in one."""

    model: str
    source: str
    target: str
    folder: str = ""  # of ``source`` and of ``target``; 2019 has none


class Layout(NamedTuple):
    """The files of one era. An empty name means that the era does not have the file."""

    names: RequestNames
    settings_names: Sequence[str]  # the first that exists is read
    settings: SettingsSchema
    overrides_name: str  # read when it exists and the settings name no other
    overrides: OverrideSchema
    archive_ending: str
    materials_name: str
    info_name: str
    result_name: str  # written when the model is refused


LAYOUT_2019 = Layout(
    names=RequestNames("modelName", "modelUrl", "assetContainerUrl"),
    settings_names=(FILE_NAME,), settings=SETTINGS_2019,
    overrides_name="", overrides=OVERRIDES_2019,
    archive_ending=".ezArchive", materials_name="{stem}_materials.json", info_name="",
    result_name="")

# From April 2020; the settings file without the model's name is that of the first months.
LAYOUT_2020 = Layout(
    names=RequestNames("inputAssetPath", "input", "output", "folderPath"),
    settings_names=("{stem}.ConversionSettings.json", "ConversionSettings.json"),
    settings=SETTINGS_2020,
    overrides_name="{stem}.MaterialOverrides.json", overrides=OVERRIDES_2020,
    archive_ending=".arrAsset", materials_name="", info_name="{stem}.info.json",
    result_name="{stem}.result.json")

LAYOUT_2021 = LAYOUT_2020._replace(names=RequestNames(
    "relativeInputAssetPath", "inputLocation", "outputLocation", "blobPrefix"))

LAYOUTS = {"2019": LAYOUT_2019, "2020": LAYOUT_2020, "2021": LAYOUT_2021}


def stem_of(name: str) -> str:
    """Return the last part of a name without its ending."""
    last = name.rpartition("/")[2]
    return last[:last.rfind(".")] if last.rfind(".") > 0 else last


def unread(names: Sequence[str], stem: str, layout: Layout) -> Iterator[str]:
    """Yield a warning for each file that looks like one for the ingestion but is not read."""
    read = [form.replace("{stem}", stem)
            for form in (*layout.settings_names, layout.overrides_name) if form]
    known = {form.replace("{stem}", stem).lower(): index
             for each in (LAYOUT_2019, LAYOUT_2020)
             for index, form in enumerate((each.overrides_name, *each.settings_names)) if form}
    for name in names:
        if name in read or name.lower() not in known:
            continue
        if known[name.lower()]:
            yield (f"{name} is not read in this era, and nothing in it applies: the settings of a "
                   f"model stand in a file named {' or '.join(read[:len(layout.settings_names)])}.")
        else:
            yield (f"{name} is not read in this era, and nothing in it applies: "
                   + ("its name would have to be " + read[-1] if layout.overrides_name else
                      f"name it in {read[0]}, as ez.material-override") + ".")
