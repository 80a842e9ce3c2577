"""FBX, record by record: what is handed on, what must fit, where the limits are."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Callable, List, Sequence, Tuple

import pytest

from arr.emulator._ingestion.formats import fbx_ascii, fbx_binary
from arr.emulator._ingestion.formats.fbx import describe_fbx, is_fbx
from arr.emulator._ingestion.formats.fbx_scene import FbxScene
from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._ingestion.spool import Spool

from ...support.fbx_files import (
    Raw, Record, ascii_file, binary, material, refused, scene, texture,
)

# -- what is handed on -----------------------------------------------------------------------


class Kept(FbxScene):
    """Keeps the records that it is handed."""

    def __init__(self) -> None:
        super().__init__("m.fbx")
        self.records: List[Tuple[str, List[object]]] = []

    def record(self, path: Sequence[str], values: Sequence[object]) -> None:
        self.records.append(("/".join(path), list(values)))


def kept(data: bytes) -> List[Tuple[str, List[object]]]:
    """Return the records of the upper levels with their values."""
    found = Kept()
    with Spool() as spool:
        file = spool.add("m.fbx", [data]).span
        if data.startswith(fbx_binary.MAGIC):
            fbx_binary.read_binary(spool, file, found, 7400)
        else:
            fbx_ascii.read_ascii(spool, file, found)
    return found.records


@pytest.mark.parametrize("make", [binary, ascii_file])
def test_three_levels_of_records_are_handed_on(make: Any) -> None:
    deep = Record("C", ("c",), (Record("D", ("d",), (Record("E", ("e",)),)),))
    assert kept(make([Record("A", ("a",), (Record("B", (), (deep,)), Record("F"))),
                      Record("G", ("g",))])) == [
        ("A", ["a"]), ("A/B", []), ("A/B/C", ["c"]), ("A/F", []), ("G", ["g"])]


@pytest.mark.parametrize("make", [binary, ascii_file])
def test_eight_texts_of_a_record_are_handed_on(make: Any) -> None:
    assert kept(make([Record("A", tuple("abcdefghij"))])) == [("A", list("abcdefgh"))]


def test_texts_of_a_binary_record_are_cut_and_its_numbers_left_out() -> None:
    record = Record("A", ("x" * 4097, b"raw", 1, 2.5, "\u00e9"))
    assert kept(binary([record])) == [("A", ["x" * 4096, b"r", "\u00e9"])]


def test_values_of_an_ascii_record_are_texts_but_for_rows_of_numbers() -> None:
    assert kept(b'A: 1,-2.5e3, "&quot;&quot;", *3\nB: "a",1,2') == [
        ("A", ['""', "*3"]), ("B", ["a", "2"])]


# -- binary values ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind, size", [
    (b"C", 1), (b"B", 1), (b"Z", 1), (b"Y", 2), (b"I", 4), (b"F", 4), (b"D", 8), (b"L", 8)])
def test_a_number_has_the_size_of_its_kind(kind: bytes, size: int) -> None:
    assert kept(binary([Record("A", (Raw(kind + bytes(size)), "b"))])) == [("A", ["b"])]


def array(kind: bytes, total: int, packed: int, size: int, data: bytes) -> Raw:
    return Raw(kind + struct.pack("<III", total, packed, size) + data)


@pytest.mark.parametrize("kind, width", [
    (b"b", 1), (b"c", 1), (b"i", 4), (b"f", 4), (b"d", 8), (b"l", 8)])
def test_an_array_has_as_many_values_as_it_says(kind: bytes, width: int) -> None:
    data = bytes(3 * width)
    pressed = zlib.compress(data)
    for good in (array(kind, 3, 0, 0, data), array(kind, 3, 0, len(data), data),
                 array(kind, 3, 1, len(pressed), pressed), array(kind, 0, 0, 0, b""),
                 array(kind, 0, 1, 8, zlib.compress(b""))):
        assert kept(binary([Record("A", (good, "b"))])) == [("A", ["b"])]
        assert kept(binary([Record("A", ("b", good))])) == [("A", ["b"])]
    for bad in (array(kind, 3, 2, len(pressed), pressed), array(kind, 3, 0, 1, data[1:]),
                array(kind, 3, 0, len(data) + 1, data), array(kind, 3, 0, 0, data[1:]),
                array(kind, 3, 1, len(pressed) + 1, pressed)):
        assert refused(binary([Record("A", (bad,))])) == (
            "'m.fbx' is damaged: the record at byte 42 has an array of another length than it "
            "says.")
    for total in (2, 4):
        assert refused(binary([Record("A", (array(kind, total, 1, len(pressed), pressed),))])) == (
            "'m.fbx' is damaged: the record at byte 54 has a packed array that does not unpack as "
            "it says.")


def test_arrays_may_unpack_to_the_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = zlib.compress(bytes(8))
    data = binary([Record("A", (array(b"d", 1, 1, len(pressed), pressed),) * 2)])
    monkeypatch.setattr(fbx_binary, "_MAX_INFLATED", 16)
    assert kept(data) == [("A", [])]
    monkeypatch.setattr(fbx_binary, "_MAX_INFLATED", 15)
    assert refused(data) == "The arrays of 'm.fbx' unpack to more than 15 bytes."


ONE = binary([Record("A", ("b",))], footer=False)  # it ends at byte 47, its value begins at 41
TWO = binary([Record("A", (), (Record("B"),))], footer=False)  # B at 41 to 55, then the empty one


def changed(data: bytes, place: int, number: int) -> bytes:
    return data[:place] + struct.pack("<I", number) + data[place + 4:]


@pytest.mark.parametrize("data, reason", [
    (changed(ONE, 27, 46), "27 ends before its values do"),
    (changed(ONE, 31, 0), "41 does not end where its values do"),
    (changed(ONE, 31, 2), "41 has fewer values than it says"),
    (changed(ONE, 35, 3), "42 ends inside a value"),
    (changed(ONE, 35, 4), "42 ends inside a value"),
    (changed(ONE, 35, 5), "41 does not end where its values do"),
    (changed(ONE, 35, 7), "27 ends before its values do"),
    (changed(ONE, 42, 0), "41 does not end where its values do"),
    (changed(ONE, 42, 2), "41 does not end where its values do"),
    (changed(ONE, 42, 1 << 31), "41 does not end where its values do"),
    (changed(ONE[:47], 42, 2), "41 does not end where its values do"),
    (binary([Record("A", (Raw(b"i" + bytes(11)),))]), "42 ends inside a value"),
    (changed(TWO, 27, 67), "55 closes the list around it too early"),
    (changed(TWO, 27, 69), "55 closes the list around it too early"),
    (changed(TWO, 41, 69), "41 ends behind the record around it"),
    (changed(TWO, 59, 1), "55 says that it ends at byte 0"),
    (changed(TWO, 63, 1), "55 says that it ends at byte 0"),
    (TWO[:67] + b"\x01" + TWO[68:], "55 says that it ends at byte 0"),
])
def test_a_record_that_does_not_fit_is_named(data: bytes, reason: str) -> None:
    assert refused(data) == f"'m.fbx' is damaged: the record at byte {reason}."


def test_a_record_may_end_where_the_one_around_it_does() -> None:
    assert kept(changed(TWO, 41, 68)) == [("A", []), ("A/B", [])]


def test_a_file_cut_at_the_end_of_a_record_is_told_from_one_cut_inside() -> None:
    assert refused(ONE[:47]) == "'m.fbx' is truncated at byte 47."
    assert refused(ONE[:46]) == (
        "'m.fbx' is truncated: a record ends at byte 47, but the file has 46.")


@pytest.mark.parametrize("size", [16, 512, 513])
def test_a_footer_has_at_most_512_bytes(size: int) -> None:
    data = ONE + fbx_binary._END.rjust(size, b"\0")
    if size <= 512:
        assert kept(data) == [("A", ["b"])]
    else:
        assert "the record at byte 60 is the last one, but 513 bytes follow" in refused(data)


# -- versions, limits, pictures --------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda version: binary(scene(), version), lambda version: ascii_file(scene(version=version))])
def test_versions_from_7_1_to_9_9_are_read(make: Callable[[int], bytes]) -> None:
    for version, name in ((7100, "7.1"), (9999, "9.9")):
        with Spool() as spool:
            found = describe_fbx(spool, spool.add("m", [make(version)]).span, "m").format
        assert found.startswith(f"FBX {name} ")
    for version, name in ((7099, "7.0"), (10000, "10.0")):
        assert f"is of FBX version {name};" in refused(make(version))


def test_an_old_title_is_refused_whatever_the_version_behind_it() -> None:
    assert "is of FBX version 6.1;" in refused(ascii_file(scene(), title="6.1.0"))


@pytest.mark.parametrize("text, reason", [
    (b"99999", "is of FBX version 99.9"), (b"100000", "its FBXVersion is missing"),
    (b"7.4", "its FBXVersion is missing")])
def test_a_version_is_a_number_of_at_most_five_digits(text: bytes, reason: str) -> None:
    assert reason in refused(ascii_file(scene(), title="").replace(b"7400", text))


def test_a_file_may_name_no_creator() -> None:
    for make in (binary, ascii_file):
        for creator in ([], [Record("Creator")]):
            data = make([*creator, *(each for each in scene() if each.name != "Creator")])
            with Spool() as spool:
                file = spool.add("m", [data]).span
                assert describe_fbx(spool, file, "m").generator == ""


def test_objects_of_each_kind_are_counted() -> None:
    empty = [each._replace(inside=()) for each in scene()]
    for kind, counts in (("Geometry", (1, 0, 0, 0)), ("Material", (0, 1, 0, 0)),
                         ("Texture", (0, 0, 1, 0)), ("Model", (0, 0, 0, 1))):
        objects = Record("Objects", (), (Record(kind),))
        data = binary([objects if each.name == "Objects" else each for each in empty])
        with Spool() as spool:
            info = describe_fbx(spool, spool.add("m", [data]).span, "m")
        assert (info.meshes, info.materials, info.textures, info.nodes) == counts


@pytest.mark.parametrize("limit, kind, text", [
    ("MAX_OBJECTS", "Light", "more than 2 objects of the kind Light."),
    ("MAX_MATERIALS", "Material", "more than 2 objects of the kind Material."),
    ("MAX_FILES", "Texture", "more than 2 textures.")])
def test_a_limit_itself_may_be_reached(
        monkeypatch: pytest.MonkeyPatch, limit: str, kind: str, text: str) -> None:
    monkeypatch.setattr(f"arr.emulator._ingestion.formats.fbx_scene.{limit}", 2)
    found = FbxScene("m")
    for _ in range(2):
        found.record(["Objects", kind], [])
    with pytest.raises(IngestionError, match=text):
        found.record(["Objects", kind], [])


@pytest.mark.parametrize("make", [binary, ascii_file])
def test_an_object_may_have_no_name(make: Any) -> None:
    data = make(scene(material("A::B"), material(""), Record("Material")))
    with Spool() as spool:
        info = describe_fbx(spool, spool.add("m", [data]).span, "m")
    assert [each.name for each in info.material_list] == ["A::B", "", ""]


def pictures(*records: Record) -> List[Tuple[str, Sequence[str]]]:
    """Return where the pictures that are looked for stand, and their paths."""
    found: List[Tuple[str, Sequence[str]]] = []
    with Spool() as spool:
        describe_fbx(spool, spool.add("m", [binary(scene(*records))]).span, "m",
                     lambda paths, where: found.append((where, paths)))
    return found


def clip(name: str, *members: Tuple[str, object]) -> Record:
    return Record("Video", (1, f"{name}\0\x01Video"), tuple(
        Record(member, (value,)) for member, value in members))  # type: ignore[arg-type]


@pytest.mark.parametrize("video", [
    clip("V", ("RelativeFilename", "x/A.PNG"), ("Filename", "C:\\b.png"), ("Content", b"png")),
    clip("V", ("Filename", "C:\\x\\A.PNG"), ("Content", b"png")),
    clip("V", ("FileName", "A.PNG"), ("Content", b"png")),
    clip("A.png", ("Content", b"png"))])
def test_a_picture_in_the_file_is_known_by_the_end_of_its_path(video: Record) -> None:
    assert pictures(texture("..\\a.png"), video) == []
    assert pictures(video, texture("b.png")) == [("Texture 'T'", ("b.png",))]


def test_the_first_text_of_a_path_counts() -> None:
    members = (Record("RelativeFilename", (b"raw", "", "a.png", "b.png")), Record("FileName"))
    assert pictures(Record("Texture", ("T",), members)) == [("Texture 'T'", ("a.png",))]


@pytest.mark.parametrize("content", [(), (("Content", b""),), (("Thumbnail", b"png"),)])
def test_a_picture_without_content_is_looked_for(content: Any) -> None:
    assert pictures(texture("a.png", "C:/a.png"), texture("a.png", "C:/a.png"),
                    clip("V", ("Filename", "b.png"), *content), texture("")) == [
        ("Texture 'T'", ("a.png", "C:/a.png")), ("Video 'V'", ("b.png",))]


# -- ASCII files -----------------------------------------------------------------------------


def known(data: bytes) -> bool:
    with Spool() as spool:
        return is_fbx(spool, spool.add("m", [data]).span)


@pytest.mark.parametrize("before, recognised", [
    (b"\n" * 5000, True), (b" ;\n" * 2000, True), (b"\xef\xbb\xbf;" + b"x" * 9000 + b"\n", True),
    (b"x\n" * 5000, False), (b"\n" * 4999 + b"x\n", False)])
def test_only_comments_and_blanks_may_stand_before_the_first_record(
        before: bytes, recognised: bool) -> None:
    assert known(before + b"FBXHeaderExtension:") is recognised
    if not recognised:
        assert not known(before + b"; FBX 7.4.0 project file\n") or before[:1] == b"\n"


def test_the_first_record_is_looked_for_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fbx_ascii, "_HEAD", 5000)
    for size in (4999, 5000, 5001):
        head = b"FBXHeaderExtension:".rjust(size, b"\n")
        assert known(head + b"\n" * 5000) is (size <= 5000)


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize("before, byte", [
    (b"A: ", b"\x01"), (b"A: \"b", b"\0"), (b"; text", b"\0"), (b"A: \"", b"\0"), (b"", b"\0")])
def test_a_foreign_byte_is_named_with_its_place(
        monkeypatch: pytest.MonkeyPatch, size: int, before: bytes, byte: bytes) -> None:
    monkeypatch.setattr(fbx_ascii, "CHUNK", size)
    data = ascii_file(scene()) + before
    assert refused(data + byte + b"\"\n" + bytes(9)) == (
        f"'m.fbx' is damaged: the byte {byte!r} at offset {len(data):,} is none of an ASCII FBX "
        "file.")


@pytest.mark.parametrize("data, what", [
    (b",", "a comma stands at its beginning"), (b"}", "a brace that closes nothing stands at"),
    (b"A: 1 2", "'2' stands behind A"), (b"A: 1 2,3\n", "a row of numbers stands behind A"),
    (b"A: {B: 1, {}}", "a block without a name stands behind B")])
def test_what_stands_between_records_is_named(data: bytes, what: str) -> None:
    reason = refused(b"; FBX 7.4.0 project file\n" + data)
    assert reason.startswith(f"'m.fbx' is damaged or truncated: {what}")
    assert reason.endswith(", where a record should begin.")
