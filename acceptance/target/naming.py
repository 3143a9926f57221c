"""Translate between the contract's names and a deployment's: routes, fields, metrics, labels and documents.

Checks, stages and probes speak the target contract; the clients translate at the edge, so that a deployment that calls
something otherwise is a change of its target file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from acceptance.target.shown import Public


@dataclass(frozen=True, repr=False)
class HttpNames(Public):
    """What a service calls its routes and fields.

    Attributes:
        routes: Its path by the contract's, also as the beginning of a path.
        fields: Its name of a field of a form, a query or JSON by the contract's; empty for one that it has not. In an
            answer `a.b` is the field `b` of the object `a`.
        values: Its value of a field by `field:value` of the contract.
    """

    routes: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def path(self, path: str) -> str:
        """Give the deployment's path."""
        known = [route for route in self.routes if path == route or path.startswith(f"{route}/")]
        longest = max(known, key=len, default="")
        return self.routes[longest] + path.removeprefix(longest) if longest else path

    def lacks(self, name: str) -> bool:
        """Tell whether the target file says that the deployment has no such field."""
        return self.fields.get(name) == ""

    def field(self, name: str) -> str:
        """Give the deployment's name of a field."""
        return self.fields.get(name) or name

    def sent(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is sent in the deployment's names."""
        return {self.field(name): value for name, value in body.items() if not self.lacks(name)}

    def received(self, value: Any) -> Any:
        """Give what came back in the contract's names and values, at any depth."""
        return self._told(value) if self.fields or self.values else value

    def _told(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._told(member) for member in value]
        if not isinstance(value, dict):
            return value
        names = {theirs: name for name, theirs in self.fields.items() if theirs}
        found = {names.get(key, key): self._told(member) for key, member in value.items()}
        within = {name: at(value, path) for name, path in self.fields.items() if "." in path and path not in value}
        found |= {name: inner for name, inner in within.items() if inner is not None}
        return {name: contract_value(self.values, name, member) for name, member in found.items()}


def at(value: Any, path: str) -> Any:
    """Give what stands at a path of names with dots between them in nested objects; None where there is nothing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def contract_value(values: Mapping[str, str], name: object, theirs: Any) -> Any:
    """Give the contract's value of a field, by `field:value`; itself where the target file names none."""
    said = (key.partition(":")[2] for key, its in values.items() if key.partition(":")[0] == name and its == theirs)
    return next(said, theirs)


@dataclass(frozen=True, repr=False)
class DocumentNames(Public):
    """What a deployment calls its collections and the fields of their documents.

    Attributes:
        collections: Its name of a collection by the contract's.
        fields: Its name of a field by the contract's, or by `COLLECTION:FIELD` of the contract where it has another one
            in that collection.
        values: Its value of a field by `field:value` of the contract.
    """

    collections: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def collection(self, name: str) -> str:
        """Give the deployment's name of a collection."""
        return self.collections.get(name, name)

    def within(self, collection: str) -> dict[str, str]:
        """Give the deployment's names of the fields of one collection, by the contract's."""
        own = {
            name.partition(":")[2]: theirs for name, theirs in self.fields.items() if name.startswith(f"{collection}:")
        }
        return {name: theirs for name, theirs in self.fields.items() if ":" not in name} | own


_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_MATCHER = re.compile(r'(\w+)(\s*(?:=~|!~|!=|=)\s*)"([^"\\]*)"')
_MILLISECONDS = re.compile(r"_(?:ms|millis|milliseconds)(?:_|$)")
_NAME_IS = ("__name__=", "__name__=~", "__name__!=", "__name__!~")


def _any_of(names: Mapping[str, str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


@dataclass(frozen=True, repr=False)
class MetricNames(Public):
    """What a deployment calls its metrics and their labels.

    Attributes:
        names: The beginning of its names, or a whole one, by the contract's.
        labels: Its label by the contract's.
        values: Its value of a label by `label:value` of the contract.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def query(self, text: str) -> str:
        """Give PromQL in the deployment's names; a label's value stays where `values` has none, and it is no name."""
        text = _MATCHER.sub(self._matcher, text) if self.values else text
        return "".join(
            part if part[:1] == '"' and not before.rstrip().endswith(_NAME_IS) else self._renamed(part)
            for before, part in pairwise(["", *_QUOTED.split(text)])
        )

    def _matcher(self, found: re.Match[str]) -> str:
        label, operator, text = found.groups()
        words = text.split("|") if "~" in operator else [text]
        theirs = "|".join(self.values.get(f"{label}:{word}", word) for word in words)
        return f'{label}{operator}"{theirs}"'

    def _renamed(self, text: str) -> str:
        if self.names:
            text = re.sub(rf"\b(?:{_any_of(self.names)})", lambda found: self.names[found[0]], text)
        if self.labels:
            where = rf"(?<=[{{,(\s])(?:{_any_of(self.labels)})(?=\s*(?:=~|!~|!=|=|,|\)))"
            text = re.sub(where, lambda found: self.labels[found[0]], text)
        return text

    def told(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Give the labels of a series in the contract's names."""
        back = {theirs: name for name, theirs in self.labels.items()}
        said = {(key.partition(":")[0], theirs): key.partition(":")[2] for key, theirs in self.values.items()}
        # Beside the label that means it here there may be one of the contract's name, which means something else.
        contract = {back.get(name, name): labels[name] for name in sorted(labels, key=back.__contains__)}
        found = {name: said.get((name, value), value) for name, value in contract.items()}
        if "__name__" in found:
            unit = self.unit(found["__name__"])
            found["__name__"] = self._name(found["__name__"])
            if "le" in found and unit != 1:
                found["le"] = str(float(found["le"]) * unit)
        return found

    def unit(self, theirs: str) -> float:
        """Give how many of the contract's seconds one of a deployment's metric is: a thousandth where that is in ms."""
        in_ms = "_seconds" in self._name(theirs) and _MILLISECONDS.search(theirs)
        return 0.001 if in_ms else 1.0

    def _name(self, name: str) -> str:
        begins = [(theirs, ours) for ours, theirs in self.names.items() if name.startswith(theirs)]
        theirs, ours = max(begins, key=lambda pair: len(pair[0]), default=("", ""))
        return ours + name.removeprefix(theirs)
