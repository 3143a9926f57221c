"""The multipart encoder: raw names on the wire, a true length, small chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser, parse_options_header

from acceptance.probes.http.multipart import CHUNK, Content, Framing, Multipart, Part, rechunked


def body(*parts: Part) -> bytes:
    return b"".join(Multipart(parts, Framing(b"BOUND")))


def parsed(form: Multipart) -> list[tuple[dict[bytes, bytes], bytes]]:
    """Read the form back with the parser that Starlette uses."""
    found: list[tuple[dict[bytes, bytes], bytes]] = []
    header, data = bytearray(), bytearray()

    def end_of_part() -> None:
        found.append((parse_options_header(bytes(header))[1], bytes(data)))
        header.clear()
        data.clear()

    in_disposition = [False]
    parser = MultipartParser(
        form.boundary,
        {
            "on_header_field": lambda b, s, e: in_disposition.__setitem__(0, b[s:e].startswith(b"Content-Disp")),
            "on_header_value": lambda b, s, e: header.extend(b[s:e]) if in_disposition[0] else None,
            "on_part_data": lambda b, s, e: data.extend(b[s:e]),
            "on_part_end": end_of_part,
        },
    )
    for chunk in form:
        parser.write(chunk)
    parser.finalize()
    return found


@pytest.mark.parametrize(
    "name",
    [
        b"../../x.zip",
        b"a\x00b.zip",
        b"\xc0\xae\xc0\xae/x.zip",
        b"caf\xc3\xa9.zip",
        b"%2e%2e%2fx.zip",
        b'q".zip',
        b"..\\x",
    ],
)
def test_file_name_goes_out_raw(name: bytes) -> None:
    assert b'filename="' + name + b'"\r\n' in body(Part(b"new_zip", Content.of(b"x"), filename=name))


def test_file_name_star_goes_out_raw_after_the_plain_one() -> None:
    part = Part(b"new_zip", Content.of(b"x"), filename=b"a.zip", filename_star=b"UTF-8''..%2Fx.zip")
    assert b"; filename=\"a.zip\"; filename*=UTF-8''..%2Fx.zip\r\n" in body(part)


def test_exact_bytes_of_a_small_form() -> None:
    assert body(Part(b"a", Content.of("1")), Part(b"f", Content.of(b"zz"), b"n.zip", None, b"application/zip")) == (
        b'--BOUND\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--BOUND\r\nContent-Disposition: form-data; name="f"; filename="n.zip"\r\n'
        b"Content-Type: application/zip\r\n\r\nzz\r\n--BOUND--\r\n"
    )


@given(st.lists(st.tuples(st.from_regex(rb"[a-z_]{1,12}", fullmatch=True), st.binary(max_size=300)), max_size=5))
def test_a_foreign_parser_reads_back_what_was_sent_and_the_length_is_true(fields: list[tuple[bytes, bytes]]) -> None:
    form = Multipart([Part(name, Content.of(value)) for name, value in fields])
    assert form.length == len(b"".join(form))
    if fields:
        assert [(options[b"name"], value) for options, value in parsed(form)] == fields


def test_iterates_twice_with_the_same_bytes() -> None:
    form = Multipart([Part(b"a", Content.of(b"x" * 1000))])
    assert list(form) == list(form)


def test_chunks_are_64_kib_whatever_the_source_gives() -> None:
    sizes = [len(chunk) for chunk in rechunked([b"a" * 10] * 3 + [b"b" * (3 * CHUNK)])]
    assert sizes == [CHUNK, CHUNK, CHUNK, 30]
