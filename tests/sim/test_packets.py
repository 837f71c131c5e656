# SPDX-License-Identifier: BSD-2-Clause
"""Packets against the published CRC check values, and against the layouts of `wire`."""

import zlib

import pytest
from amaranth.lib import data

from macropix.gateware import wire
from macropix.sim.golden import packets


def test_published_check_values():
    # the check values of CRC-16/IBM-3740 and CRC-32/ISO-HDLC in the CRC catalogue
    assert packets.crc16(b"123456789") == 0x29B1
    assert packets.sealed(b"123456789")[9:] == (0xCBF43926).to_bytes(4, "little")
    assert zlib.crc32(b"123456789") == 0xCBF43926


def test_crc16_is_the_gatewares():
    assert packets.crc16(bytes(range(40))) == wire.CRC16(8).compute(range(40))
    assert zlib.crc32(bytes(range(40))) == wire.CRC32(8).compute(range(40))


def fields(layout, text: bytes) -> dict:
    const = data.Const(data.Layout.cast(layout), int.from_bytes(text, "little"))
    return {name: getattr(value := const[name], "value", value) for name, _ in data.Layout.cast(layout)}


def test_header_fields():
    given = {
        "first": 1, "last": 0, "positions": wire.Positions.BITMAP, "values": wire.Values.DELTA, "saturated": 9, "number": 0xFFFE,
        "epoch": 0xBEEF, "tag": 0x1234, "shot": 0x4321, "count": 783, "kernel": 5, "tap": wire.Tap.OUT, "where": 0x89ABCDEF,
    }  # fmt: skip
    text = packets.packet(wire.Kind.DATA, b"abc", **given)
    assert len(text) == wire.HEADER_BYTES + 3 + wire.CRC_BYTES
    found = fields(wire.Header, text[: wire.HEADER_BYTES])
    expected = {name: getattr(value, "value", value) for name, value in given.items()}
    assert found == {"sync": 0xA5, "kind": 0, "length": 3, "crc": packets.crc16(text[:18]), **expected}
    assert text[20:23] == b"abc"
    assert zlib.crc32(text) == 0x2144DF1C  # the residue of CRC-32 over a text with its own CRC


def test_header_by_hand():
    text = packets.packet(wire.Kind.DATA, b"", first=1, last=1, positions=1, values=1, count=783, kernel=2, where=7)
    assert text[:18].hex(" ") == "a5 5c 00 00 00 00 00 00 00 00 00 00 0f 0b 07 00 00 00"


def test_command_fields():
    text = packets.command(wire.Op.WRITE, 7, 8, 0x1000, [1, 0xFFFF])
    assert fields(wire.Command, text[:12]) == {
        "sync": 0xC3, "op": 1, "sequence": 7, "epoch": 8, "address": 0x1000, "words": 2, "crc": packets.crc16(text[:10]),
    }  # fmt: skip
    assert text[12:16].hex() == "0100ffff"
    assert zlib.crc32(text) == 0x2144DF1C
    read = packets.command(wire.Op.READ, 7, 8, 0x1000, 200)
    assert len(read) == 16
    assert fields(wire.Command, read[:12])["words"] == 200


def test_reply_fields():
    text = packets.reply(3, wire.Op.READ, wire.Error.OK, address=5, words=2, corrupt=1, read=[0xABCD, 1], number=9, epoch=4)
    head = fields(wire.Header, text[:20])
    assert (head["kind"], head["length"], head["number"], head["epoch"]) == (2, 14, 9, 4)
    assert fields(wire.Reply, text[20:30]) == {"sequence": 3, "op": 2, "error": 0, "address": 5, "words": 2, "corrupt": 1}
    assert text[30:34].hex() == "cdab0100"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="number must be from 0 to 65535, not 65536"):
        packets.packet(wire.Kind.DATA, b"", number=65536)
    with pytest.raises(ValueError, match="at most 4095 bytes, not 4096"):
        packets.packet(wire.Kind.DATA, bytes(4096))
