"""Learn from the old path what all its answers and documents have in common, and name where the new path differs.

What a contract leaves open, the old path decides: which fields are there and of which type, which of them are the same
(a report's student is the submission's), which times lie within the request and in which order, who speaks after whom,
and of what there is only one. What the old path's requests do not all show is not learned, so that a new path may add
and reword.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import combinations, pairwise, permutations
from typing import Any

from acceptance.finding import Finding
from acceptance.observe.moments import moment
from acceptance.probes.seen import Pair, Seen
from acceptance.redact import cut

LOG = "log"
"""The part that holds log lines, of which each has the time of its writing and copies none."""
LEAST_OF_LIST = 10
"""So many values of a list's field, of at most `KINDS` kinds, are words that other code reads, such as a role."""
KINDS = 3


@dataclass(frozen=True)
class OldPath:
    """What several requests by the old path have in common.

    Attributes:
        seen: The requests.
        lists: Parts of whose lists other code reads the words, such as who spoke.
    """

    seen: Sequence[Seen]
    lists: frozenset[str] = frozenset()

    @cached_property
    def same(self) -> Sequence[Pair]:
        """Paths of equal texts, which are not the same text in all requests, nor times that may be equal by chance."""
        texts = [{path: value for path, value in each.single.items() if isinstance(value, str)} for each in self.seen]
        common = [path for path in sorted(self._common) if len({text.get(path) for text in texts}) > 1]
        return [
            pair
            for pair in combinations(common, 2)
            if all(_agree(text, pair) for text in texts) and not self._by_chance(pair)
        ]

    def _by_chance(self, pair: Pair) -> bool:
        """Tell whether texts are equal times by chance: a quick service or a coarse clock makes them so."""
        parts, names = ({get(path) for path in pair} for get in (_part, _name))
        is_copy = len(parts) == 2 and len(names) == 1 and LOG not in parts
        return not is_copy and all(self.seen[0].in_time(path) for path in pair)

    @cached_property
    def times(self) -> Sequence[str]:
        """Paths of times within the request."""
        return [path for path in sorted(self._common) if all(each.in_time(path) for each in self.seen)]

    @cached_property
    def order(self) -> Sequence[Pair]:
        """Pairs of such times of one part, and so of one clock, of which the first is never after the second."""
        pairs = (pair for pair in permutations(self.times, 2) if _part(pair[0]) == _part(pair[1]))
        held = (pair for pair in pairs if all(each.in_order(pair) for each in self.seen))
        # Times that are always equal have no order.
        return [pair for pair in held if not all(each.in_order(pair[::-1]) for each in self.seen)]

    @cached_property
    def words(self) -> Mapping[str, frozenset[str]]:
        """The words of lists' fields that have but a few."""
        found: dict[str, list[Any]] = {}
        for path, values in (item for each in self.seen for item in each.values.items()):
            if "[]" in path and _part(path) in self.lists:
                found.setdefault(path, []).extend(values)
        few = {path: frozenset(map(str, values)) for path, values in found.items() if len(values) >= LEAST_OF_LIST}
        return {path: words for path, words in few.items() if len(words) <= KINDS}

    @cached_property
    def turns(self) -> Mapping[str, frozenset[Pair]]:
        """Which of these words comes after which, where after each comes but one other."""
        found = {path: frozenset(pair for each in self.seen for pair in _turns(each, path)) for path in self.words}
        return {path: pairs for path, pairs in found.items() if len({first for first, _ in pairs}) == len(pairs) > 0}

    @property
    def _common(self) -> set[str]:
        return set.intersection(*(set(each.values) for each in self.seen)) if self.seen else set()

    def unlike(self, subject: str, now: Seen, same_work: Seen | None = None) -> list[Finding]:
        """Name how a request is unlike those by the old path; a part that is not there at all is not compared.

        Args:
            subject: What the findings are about.
            now: The request by the new path.
            same_work: The old path's request with the same work: each field that it has is expected.
        """
        return [
            Finding(kind, subject, f"{expected}, as by the old path", cut(found, 200))
            for kind, expected, found in (
                *self._lacking(now, same_work),
                *self._differing(now),
                *self._untimely(now),
                *self._repeated(now),
            )
        ]

    def _lacking(self, now: Seen, same_work: Seen | None) -> Iterator[tuple[str, str, str]]:
        """Compare the fields of each part, and what lies deeper in all requests by the old path."""
        before = same_work.fields if same_work else {}
        like = same_work.values if same_work else {}
        deeper = {
            path: like.get(path, self.seen[0].values[path])[0] for path in self._common if not self._is_place(path)
        }
        there = {name for name, part in now.parts.items() if part is not None}
        for path, value in {**deeper, **before}.items():
            if _part(path) not in there:
                continue
            found = now.fields[path] if path in now.fields else next(iter(now.values.get(path, ())), None)
            if type_of(found) != type_of(value):
                yield "lacks what was stored", f"{path} with {type_of(value)}", f"{type_of(found)} {found!r}"
            elif _has_zone(value) and _has_zone(found) is False:
                yield "lacks what was stored", f"{path} with the zone of its time", repr(found)

    def _is_place(self, path: str) -> bool:
        """Tell whether a path's value is a place on disk, which the new path may keep elsewhere."""
        return str(self.seen[0].values[path][0]).startswith("/")

    def _differing(self, now: Seen) -> Iterator[tuple[str, str, str]]:
        for one, other in self.same:
            values = now.single.get(one), now.single.get(other)
            if None not in values and values[0] != values[1]:
                yield "no longer the same", f"{one} and {other} to be the same", f"{values[0]!r} and {values[1]!r}"
        for path, words in self.words.items():
            if strange := {str(value) for value in now.values.get(path, ())} - words:
                yield "other words", f"{path} of {sorted(words)}", str(sorted(strange)[:3])
            elif path in self.turns and (turned := set(_turns(now, path)) - self.turns[path]):
                first, second = sorted(turned)[0]
                told = ", ".join(f"{later} after {earlier}" for earlier, later in sorted(self.turns[path]))
                yield "other order", f"{path} in turn, {told}", f"{second} after {first}"

    def _untimely(self, now: Seen) -> Iterator[tuple[str, str, str]]:
        for path in self.times:
            if path in now.values and not now.in_time(path):
                span = f"{now.sent:%H:%M:%S} to {now.at:%H:%M:%S} UTC"
                yield "other time", f"{path} from {span}", str(now.values[path][-1])
        for first, second in self.order:
            if now.in_order((first, second)) is False:
                shown = f"{now.single[first]} and {now.single[second]}"
                yield "other order", f"{first} not after {second}", shown

    def _repeated(self, now: Seen) -> Iterator[tuple[str, str, str]]:
        for name in sorted(now.repeated - frozenset[str]().union(*(each.repeated for each in self.seen))):
            yield "repeated", f"one {name}", "more than one"


def type_of(value: Any) -> str:
    """Name the type of a value, as a reader of JSON or of documents knows it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    names = {"str": "a text", "datetime": "a time", "dict": "fields", "NoneType": "nothing", "bool": "true or false"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def _has_zone(value: Any) -> bool | None:
    """Tell whether a text that is a time says its zone; None for anything else."""
    if not (isinstance(value, str) and ":" in value and moment(value)):
        return None
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return True  # an HTTP date


def _turns(seen: Seen, path: str) -> Iterator[Pair]:
    return pairwise(map(str, seen.values.get(path, ())))


def _agree(texts: Mapping[str, str], pair: Pair) -> bool:
    return pair[0] in texts and pair[1] in texts and texts[pair[0]] == texts[pair[1]]


def _part(path: str) -> str:
    return path.partition(".")[0]


def _name(path: str) -> str:
    return path.rpartition(".")[2]
