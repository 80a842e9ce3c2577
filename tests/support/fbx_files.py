"""Small FBX files, binary and ASCII, built from records."""

from __future__ import annotations

import struct
import zlib
from typing import List, NamedTuple, Sequence, Tuple, Union

import pytest

from arr.emulator._ingestion.formats.fbx import describe_fbx
from arr.emulator._ingestion.refusals import IngestionError
from arr.emulator._ingestion.spool import Spool

Value = Union[int, float, str, bytes, "Packed", "Raw"]

FOOTER = bytes(range(16)) + bytes(16) + b"%b" + bytes(120) \
    + bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")


class Raw(bytes):
    """A value of a binary file as it stands there, whatever it is."""


class Packed(NamedTuple):
    """An array of doubles, compressed or not."""

    values: Sequence[float]
    compressed: bool = True


class Record(NamedTuple):
    """One record: its name, values and the records inside it."""

    name: str
    values: Tuple[Value, ...] = ()
    inside: "Tuple[Record, ...]" = ()


def scene(*objects: Record, version: int = 7400) -> List[Record]:
    """Return the records of a whole file around the given objects."""
    mesh = Record("Geometry", (1, "Mesh\0\x01Geometry", "Mesh"), (
        Record("Vertices", (Packed([0, 0, 0, 1, 0, 0, 0, 1, 0] * 20),)),))
    return [
        Record("FBXHeaderExtension", (), (Record("FBXVersion", (version,)),)),
        Record("Creator", ("a test",)),
        Record("Definitions", (), (Record("Count", (1,)),)),
        Record("Objects", (), (mesh, Record("Model", (2, "Node\0\x01Model", "Mesh")), *objects)),
        Record("Connections", (), (Record("C", ("OO", 1, 2)),)),
    ]


def material(name: str) -> Record:
    return Record("Material", (7, f"{name}\0\x01Material", ""), (Record("Version", (102,)),))


def texture(relative: str, absolute: str = "") -> Record:
    return Record("Texture", (9, "T\0\x01Texture", ""), (
        Record("FileName", (absolute,)), Record("RelativeFilename", (relative,))))


def binary(records: Sequence[Record], version: int = 7400, *, big: bool = False,
           footer: bool = True) -> bytes:
    order = ">" if big else "<"
    layout = struct.Struct(order + ("QQQB" if version >= 7500 else "IIIB"))
    data = b"Kaydara FBX Binary  \0\x1a" + bytes([big]) + struct.pack(order + "I", version)
    for record in records:
        data += _binary_record(record, len(data), layout, order)
    data += bytes(layout.size)
    return data + FOOTER % struct.pack("<I", version) if footer else data


def _binary_record(record: Record, offset: int, layout: struct.Struct, order: str) -> bytes:
    values = b"".join(_binary_value(value, order) for value in record.values)
    name = record.name.encode()
    start = offset + layout.size + len(name) + len(values)
    inside = b""
    for inner in record.inside:
        inside += _binary_record(inner, start + len(inside), layout, order)
    if record.inside:
        inside += bytes(layout.size)
    return layout.pack(start + len(inside), len(record.values), len(values), len(name)) \
        + name + values + inside


def _binary_value(value: Value, order: str) -> bytes:
    if isinstance(value, Raw):
        return value
    if isinstance(value, Packed):
        raw = struct.pack(f"{order}{len(value.values)}d", *value.values)
        stored = zlib.compress(raw) if value.compressed else raw
        return b"d" + struct.pack(
            order + "III", len(value.values), value.compressed, len(stored)) + stored
    if isinstance(value, (str, bytes)):
        raw = value.encode() if isinstance(value, str) else value
        return (b"S" if isinstance(value, str) else b"R") + struct.pack(order + "I", len(raw)) + raw
    return b"D" + struct.pack(order + "d", value) if isinstance(value, float) \
        else b"L" + struct.pack(order + "q", value)


def ascii_file(records: Sequence[Record], title: str = "7.4.0") -> bytes:
    text = f"; FBX {title} project file\n; ----\n\n" if title else ""
    return (text + "".join(_ascii_record(record, 0) for record in records)).encode()


def _ascii_record(record: Record, depth: int) -> str:
    tabs = "\t" * depth
    if len(record.values) == 1 and isinstance(record.values[0], Packed):
        numbers = record.values[0].values
        return (f"{tabs}{record.name}: *{len(numbers)} {{\n{tabs}\ta: "
                f"{','.join(map(str, numbers))}\n{tabs}}} \n")
    values = ", ".join(_ascii_value(value) for value in record.values)
    inside = "".join(_ascii_record(inner, depth + 1) for inner in record.inside)
    block = f" {{\n{inside}{tabs}}}" if record.inside else ""
    return f"{tabs}{record.name}: {values}{block}\n"


def _ascii_value(value: Value) -> str:
    if isinstance(value, str):
        name, cut, kind = value.partition("\0\x01")
        return f'"{kind}::{name}"' if cut else f'"{value}"'
    return str(value)


def refused(data: bytes) -> str:
    """Return why a file is not taken."""
    with Spool() as spool, pytest.raises(IngestionError) as caught:
        describe_fbx(spool, spool.add("m.fbx", [data]).span, "m.fbx")
    return str(caught.value)
