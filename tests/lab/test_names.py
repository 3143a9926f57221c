"""Names that butler-api takes stay below a folder whatever decodes them, and honest ones are taken."""

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.api import disposition, names
from lab.api.refusal import Refusal

HOSTILE = (
    "..", "../x", "..\\x", "/x", "C:x", "x:y", "~root", "x\0", "%2e%2e%2fx", "%252e%252e%255cx", "..%c0%afx",
    "%u002e%u002e/", "%uff0e%uff0e%u2215x", "&#46;&#46;&#47;x", "\uff0e\uff0e\uff0fx", "\u2025\u2215x", "x\u202egpj",
    "\udcc0\udcaf", "con", "NUL.zip", "x.", "x ", "%e0%80%af", "%25" * 9 + "2f", "y" * 256, "\r\nx",
)  # fmt: skip
HONEST = (
    "work.zip",
    "Домашка №1 (final).zip",
    "été.zip",
    "100%.zip",
    "a%20b.zip",
    "a+b=c.zip",
    "v1.2-rc_3.ZIP",
    "日本語.zip",
)
text = st.text(st.sampled_from(list("./\\%25cef0:~aA \0\u2215\uff0e\uff0f;&#46")), max_size=24)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile_names_are_traversals(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        names.check_file_name("new_zip", name)
    assert refused.value.event == "path_traversal"


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_are_taken(name: str) -> None:
    names.check_file_name("new_zip", name)
    assert names.unsafe_member(f"src/{name}") is None


@pytest.mark.parametrize("value", ["ann", "1_2", "0" * 64, "Hw-01"])
def test_identifiers_are_taken(value: str) -> None:
    names.check_identifier("student_id", value)


@pytest.mark.parametrize("value", ["", "_x", "-x", "a b", "имя", "a.b", "x" * 65, "a\n"])
def test_other_identifiers_are_not(value: str) -> None:
    with pytest.raises(Refusal):
        names.check_identifier("student_id", value)


@given(text)
@example("a/./..")
def test_a_taken_member_stays_below_its_folder(name: str) -> None:
    if names.unsafe_member(name) is None:
        joined = os.path.normpath(PurePosixPath("/root/of/it", name))
        assert PurePosixPath(joined).is_relative_to("/root/of/it")


@given(text)
def test_a_taken_component_is_one_component(name: str) -> None:
    if name and names.unsafe_component(name) is None:
        assert PurePosixPath("/root", name).parent == PurePosixPath("/root")


@pytest.mark.parametrize(
    "header, file_names",
    [
        (b'form-data; name="f"; filename="a.zip"', ("a.zip",)),
        (b"form-data; name=f; filename=a.zip", ("a.zip",)),
        (b'form-data; name="f"', ()),
        (b'form-data; name="f"; filename*=UTF-8\'\'%D0%BA.zip; filename="k.zip"', ("к.zip", "k.zip")),
        (b'form-data; name="f"; filename*0="a"; filename*1="b.zip"', ("ab.zip",)),
        (b'form-data; name="f"; filename="a\\\\..\\\\b.zip"', ("a\\\\..\\\\b.zip",)),
        (b'form-data; name="f"; FILENAME="a;b.zip"', ("a;b.zip",)),
    ],
    ids=str,
)
def test_every_file_name_of_a_header_is_seen(header: bytes, file_names: tuple[str, ...]) -> None:
    found = disposition.parse(header)
    assert (found.field, found.file_names) == ("f", file_names)
