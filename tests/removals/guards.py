"""The rows of ``guards.toml``: a guard, what is left without it, and the test that is to notice."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("guards.toml")


class Rotten(Exception):
    """A row does not fit the source any more: what it removes, or the test that it names, is not there."""


@dataclass(frozen=True)
class Guard:
    """One row.

    Attributes:
        name: Short, readable, unique.
        row: Number and words of what the guard is for, such as ``4 restart fails``.
        file: Where the guard stands, from the root of the checkout.
        find: Its text, which must stand there exactly once.
        replace: What stands there when it is removed.
        test: Node id of the test that must turn red; without parameters it stands for all of them.
        why: What would happen to a target without it.
        hang: Seconds after which a test that still runs has noticed, where the guard is the bound itself; else 0.
    """

    name: str
    row: str
    file: str
    find: str
    replace: str
    test: str
    why: str
    hang: float = 0

    def __str__(self) -> str:
        return f"{self.row}: {self.name}"

    def removed(self, text: str) -> str:
        """Give the file's text without the guard.

        Raises:
            Rotten: It does not stand there exactly once, or the removal leaves everything as it is.
        """
        if (count := text.count(self.find)) != 1 or self.find == self.replace:
            raise Rotten(
                f"{self}: expected the text of the guard once in {self.file}, and another in its place, found it "
                f"{count} times; fit the row in {TABLE.name} to the source, or take it out with its guard:\n{self.find}"
            )
        return text.replace(self.find, self.replace)


def load(table: Path = TABLE) -> list[Guard]:
    """Read all rows in their order.

    Raises:
        Rotten: A row lacks a field or has an unknown one, or two have the same name.
    """
    try:
        guards = [Guard(**row) for row in tomllib.loads(table.read_text())["guard"]]
    except TypeError as error:
        raise Rotten(f"{table.name}: {error}; see the fields of {Guard.__name__} in {Path(__file__).name}") from error
    names = [guard.name for guard in guards]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Rotten(f"{table.name}: these names stand there twice: {', '.join(sorted(twice))}; give each row its own")
    return guards
