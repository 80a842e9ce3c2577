"""The forms that elements of a glTF accessor can have: component types and kinds."""

from __future__ import annotations

from typing import NamedTuple

# Component type: code of struct and array, bytes of one, divisor of normalised values.
COMPONENTS = {5120: ("b", 1, 127), 5121: ("B", 1, 255), 5122: ("h", 2, 32767),
              5123: ("H", 2, 65535), 5125: ("I", 4, 1), 5126: ("f", 4, 1)}
KINDS = {"SCALAR": (1, 1), "VEC2": (1, 2), "VEC3": (1, 3), "VEC4": (1, 4), "MAT2": (2, 2),
         "MAT3": (3, 3), "MAT4": (4, 4)}


class Form(NamedTuple):
    """What the elements of a component type and a kind look like."""

    kind: str
    code: str
    divisor: int
    columns: int
    width: int  # bytes from an element to the next
    used: int  # bytes of the last one


def form_of(component: int, kind: str) -> Form:
    code, size, divisor = COMPONENTS[component]
    rows, columns = KINDS[kind]
    width = used = columns * size
    if rows > 1:
        # The columns of a matrix begin at multiples of four bytes, and nothing has to follow the
        # last number.
        step = -(-used // 4) * 4
        width, used = rows * step, (rows - 1) * step + used
    return Form(kind, code, divisor, columns, width, used)


NAMES = [(component, kind) for component in COMPONENTS for kind in KINDS]
FORMS = [form_of(*name) for name in NAMES]
NUMBERS = {name: number for number, name in enumerate(NAMES)}
