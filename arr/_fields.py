"""Plain data objects: fields in slots, a second name for each, a repr that tells no secret."""

from __future__ import annotations

from typing import Any, Generic, Mapping, TypeVar, overload

T = TypeVar("T")

UNSET: Any = ...  # an argument that was not given


class Alias(Generic[T]):
    """A second name of a data field: reading and writing go to the field itself."""

    __slots__ = ("field",)

    def __init__(self, field: str) -> None:
        self.field = field

    @overload
    def __get__(self, owner: None, cls: type) -> Alias[T]: ...

    @overload
    def __get__(self, owner: object, cls: type) -> T: ...

    def __get__(self, owner: object, cls: type) -> Any:
        return self if owner is None else getattr(owner, self.field)

    def __set__(self, owner: object, value: T) -> None:
        setattr(owner, self.field, value)


class Fields:
    """Base of the data classes: value equality, a repr of all fields, no stray attributes.

    A subclass names its fields in ``__slots__``, so a misspelt name raises AttributeError
    instead of making a new attribute that nobody reads.
    """

    __slots__: tuple[str, ...] = ()

    def _shown(self, field: str) -> str:
        """Return the text that stands for a field in the repr; secrets are masked here."""
        return repr(getattr(self, field))

    def __repr__(self) -> str:
        inside = ", ".join([f"{field}={self._shown(field)}" for field in self.__slots__])
        return f"{type(self).__name__}({inside})"

    def _initialize(self, misspelt: Mapping[str, object],
                    **fields: tuple[object, object, object]) -> None:
        """Set fields as an initializer of C# does: each by one of its two names, else a default.

        ``fields`` has, by the SDK's spelling, the arguments of both spellings and the default.
        ``misspelt`` has what matched no argument: typed NoReturn, so that checkers refuse it, too.
        """
        for name in misspelt:
            raise TypeError(f"{type(self).__name__} has no argument {name}; {self._meant(name)}")
        for alias, (ours, theirs, default) in fields.items():
            field = getattr(type(self), alias).field
            if ours is not UNSET and theirs is not UNSET:
                raise TypeError(f"{field} and {alias} are two names of one field of "
                                f"{type(self).__name__}; give one of them")
            value = theirs if ours is UNSET else ours
            setattr(self, field, default if value is UNSET else value)

    @classmethod
    def _meant(cls, name: str) -> str:
        """Say how an argument is spelled that was probably meant, or what there is."""
        from difflib import get_close_matches

        aliases = {each.lower(): each for each in dir(cls)
                   if isinstance(getattr(cls, each), Alias)}
        near = get_close_matches(name.replace("_", "").lower(), aliases, 1)
        if not near:
            return "it has " + ", ".join(cls.__slots__)
        alias = aliases[near[0]]
        return f"write {getattr(cls, alias).field} or {alias}"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self.__slots__)

    __hash__ = None  # type: ignore[assignment]


class FrozenFields(Fields):
    """Fields that never change after construction: threads may share the object."""

    __slots__: tuple[str, ...] = ()

    def _fill(self, *values: object) -> None:
        for field, value in zip(self.__slots__, values):
            object.__setattr__(self, field, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, field) for field in self.__slots__)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(getattr(self, field) for field in self.__slots__))
