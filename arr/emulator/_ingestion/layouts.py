"""What lies around a model and its archive, by era: names and schemas, nothing that works.

``{stem}`` stands for the model's name without its ending. Names of inputs are looked for beside the
model, those of outputs are written to the output folder.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

from .override_schemas import OVERRIDES_2019, OVERRIDES_2020
from .overrides import OverrideSchema
from .settings import FILE_NAME, SETTINGS_2019, SETTINGS_2020, SettingsSchema


class Layout(NamedTuple):
    """The files of one era. An empty name means that the era does not have the file."""

    settings_names: Sequence[str]  # the first that exists is read
    settings: SettingsSchema
    overrides_name: str  # read when it exists and the settings name no other
    overrides: OverrideSchema
    archive_ending: str
    materials_name: str
    info_name: str
    result_name: str  # written when the model is refused


LAYOUT_2019 = Layout(
    settings_names=(FILE_NAME,), settings=SETTINGS_2019,
    overrides_name="", overrides=OVERRIDES_2019,
    archive_ending=".ezArchive", materials_name="{stem}_materials.json", info_name="",
    result_name="")

# From April 2020; the settings file without the model's name is that of the first months.
LAYOUT_2020 = Layout(
    settings_names=("{stem}.ConversionSettings.json", "ConversionSettings.json"),
    settings=SETTINGS_2020,
    overrides_name="{stem}.MaterialOverrides.json", overrides=OVERRIDES_2020,
    archive_ending=".arrAsset", materials_name="", info_name="{stem}.info.json",
    result_name="{stem}.result.json")


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
