# SPDX-License-Identifier: BSD-2-Clause
"""Commands reach the device once, whatever the link does to them; and every wait ends, saying what it waited for."""

import random

import pytest

from macropix.gateware.registers import CONTROL, SCENE
from macropix.gateware.wire import COMMAND_BYTES, Kind, Op
from macropix.host import link as link_module
from macropix.host.command import command
from macropix.host.device import Device
from macropix.host.errors import DeviceError
from macropix.sim.golden import packets
from macropix.sim.golden.packets import packet


def once(change):
    """`change` for the first piece that isn't empty; then nothing more."""
    left = [1]

    def damage(data: bytes) -> bytes:
        if data and left:
            left.clear()
            return change(data)
        return data

    return damage


FAULTS = {
    "lost": lambda data: b"",
    "head cut": lambda data: data[1:],
    "tail cut": lambda data: data[:-1],
    "flip in header": lambda data: data[:5] + bytes([data[5] ^ 4]) + data[6:],
    "flip in crc": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "twice": lambda data: data + data,
    "inserted": lambda data: data[:13] + b"\xc3" + data[13:],
    "garbage before": lambda data: b"\xa5\xc3\x00" * 5 + data,
}


def test_commands_are_those_of_the_golden_packets():
    rng = random.Random(1)
    for op in Op:
        words = [rng.randrange(1 << 16) for _ in range(5)] if op is Op.WRITE else []
        count = 7 if op is Op.READ else None
        assert command(op, 9, 0x1234, 0x8001, words, count) == packets.command(op, 9, 0x1234, 0x8001, words if count is None else count)


@pytest.mark.parametrize("way", ["down", "up"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("op", [Op.WRITE, Op.READ, Op.STATUS, Op.START, Op.STOP])
def test_one_fault_is_healed_and_nothing_happens_twice(device, transport, way, fault, op):
    device.registers.shots = 3
    device.registers.threshold = 5
    device.link.assembler.know(device.mirror.settings(0))
    done = device.status().commands_done
    setattr(transport, way, once(FAULTS[fault]))
    if op is Op.WRITE:
        device.link.run([(op, CONTROL["threshold"].address, [77], 0)])
    elif op is Op.READ:
        assert device.link.read(CONTROL["threshold"].address, 1) == [5]
    elif op is Op.STATUS:
        assert device.link.ask_status().epoch == device.epoch
    else:
        device.link.run([(op, 0, (), 0)])
    while device.link.pump(0.1):
        pass
    if op is Op.WRITE:
        assert device.registers.threshold == 77
    status = device.status()
    assert status.shots_done == (3 if op is Op.START else 0)
    assert status.triggers_missed == 0
    if op in (Op.WRITE, Op.START, Op.STOP):
        reads = 1 if op is Op.WRITE else 0
        assert status.commands_done - done == 1 + 1 + reads  # itself, the STATUS before, the READ of threshold
    assert device.link.repeats <= 1 or (op is Op.STATUS and way == "up")


@pytest.mark.parametrize("in_flight", [1, 4, 8])
@pytest.mark.parametrize("seed", range(6))
def test_windows_arrive_whole_over_a_bad_link(damaged, in_flight, seed):
    """Every third transfer is damaged, both ways; what arrives is read back through the same link."""
    from macropix.gateware.config import Config

    transport = damaged(Config(rows=30, cols=60, border=0), in_flight=in_flight)
    rng = random.Random(seed)

    def sometimes(data: bytes) -> bytes:
        return rng.choice(list(FAULTS.values()))(data) if data and rng.random() < 0.12 else data

    with Device(transport, timeout=5, seed=seed) as device:
        transport.down = transport.up = sometimes
        words = [rng.randrange(1 << 16) for _ in range(1800)]
        requests = [(Op.WRITE, SCENE.base + at, words[at : at + 256], 0) for at in range(0, 1800, 256)]
        device.link.run(requests, in_flight=in_flight)
        assert device.link.read(SCENE.base, 1800) == words
        transport.down = transport.up = lambda data: data
    assert transport.device.memory.scene.reshape(-1).tolist() == words


def test_in_flight_is_kept(damaged):
    transport = damaged(in_flight=3)
    waiting, most = [0], [0]

    def down(data: bytes) -> bytes:
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        return data

    def up(data: bytes) -> bytes:
        waiting[0] = 0 if data else waiting[0]
        return data

    with Device(transport, timeout=2, seed=1) as device:
        transport.down, transport.up = down, up
        device.link.run([(Op.WRITE, SCENE.base + n, [n], 0) for n in range(20)], in_flight=3)
    assert most[0] == 3


@pytest.mark.parametrize("seed", range(20))
def test_opening_over_a_bad_link(transport, seed):
    rng = random.Random(seed)
    transport.up = transport.down = lambda data: rng.choice(list(FAULTS.values()))(data) if data and rng.random() < 0.08 else data
    with Device(transport, timeout=5, seed=seed) as device:
        assert device.geometry.rows == 12
        assert device.epoch == transport.device.epoch


def test_no_answer_names_what_it_waited_for(transport):
    transport.down = lambda data: b""
    with pytest.raises(DeviceError, match="no answer from model://damaged within 1 s: waited for the reply to CLAIM of 0x0000") as caught:
        Device(transport, timeout=1)
    assert "baud rate" in (caught.value.hint or "")
    assert transport.closed


def test_no_answer_while_other_bytes_keep_coming(transport, monkeypatch):
    """A wait ends by the clock too, not only because the stream does."""
    transport.down = lambda data: b""
    transport.endless = b"\x00" * 8
    clock = [0.0]

    def monotonic():
        clock[0] += 0.01
        return clock[0]

    monkeypatch.setattr(link_module.time, "monotonic", monotonic)
    with pytest.raises(DeviceError, match="no answer"):
        Device(transport, timeout=1)


def test_no_status(device, transport):
    """Replies come, status packets don't."""
    transport.up = lambda data: b"".join(_split(data, Kind.REPLY))
    with pytest.raises(DeviceError, match="waited for the status packet behind the reply"):
        device.status()


def _split(data: bytes, kind: Kind) -> list[bytes]:
    from macropix.host.decode.bytes import PacketDecoder

    return [data[one.offset : one.offset + one.size] for one in PacketDecoder().feed(data) if one.kind == kind.value]


def test_refusals_are_told(device):
    with pytest.raises(DeviceError, match="refused READ of 0x0FF0; expected OK, found ADDRESS"):
        device.link.read(0x0FF0, 1)
    with pytest.raises(DeviceError, match="refused WRITE of 0x0000; expected OK, found READ_ONLY"):
        device.link.run([(Op.WRITE, 0, [1], 0)])
    device.registers.shots = 0
    device.link.assembler.know(device.mirror.settings(0))
    device.link.run([(Op.START, 0, (), 0)])
    with pytest.raises(DeviceError, match="its sequencer is still running"):
        device.link.run([(Op.START, 0, (), 0)])


def test_device_was_reset(device, transport):
    transport.device.epoch = 0
    with pytest.raises(DeviceError, match="was reset: it has forgotten its claim"):
        device.status()


def test_the_beginning_of_a_packet_that_never_ends_holds_nothing_back(device, transport):
    """A right header of 4,095 bytes in noise, once: what comes behind it is searched as soon as the device is silent."""
    transport.up = once(lambda data: packet(Kind.DATA, bytes(4095), epoch=device.epoch)[:20] + data)
    device.registers.threshold = 77
    assert device.link.repeats == 0
    assert device.registers.threshold == 77
    assert device.status().idle
    assert device.link.decoder.statistics.broken == 1


def test_unasked_status_of_a_reset_device(device, transport):
    transport.up = once(lambda data: packet(Kind.STATUS, bytes(120)) + data)
    with pytest.raises(DeviceError, match="was reset"):
        device.registers.threshold = 3


def test_another_host_has_claimed_it(device, transport):
    transport.device.feed(packets.command(Op.CLAIM, 1, device.epoch ^ 0x55))
    with pytest.raises(DeviceError, match=r"another host has claimed model://damaged; expected epoch \d+, found \d+"):
        device.registers.threshold = 3


def test_frames_that_nobody_fetches_are_bounded_and_counted(device, monkeypatch):
    monkeypatch.setattr(link_module, "MAX_HELD_BYTES", 5 * 64 * 8)
    device.registers.update(mode="raw", read="sliding")
    device.start(12)
    while device.link.pump(0.1):
        pass
    assert len(device.link.frames) == 5
    ledger = device.ledger()
    assert ledger.frames_discarded == 7
    assert not ledger.ok
    assert len(list(device.frames())) == 5


def test_sequence_numbers_wrap(device):
    device.link._sequence = 0xFFFE
    for value in range(1, 6):
        device.registers.threshold = value
        assert device.registers.threshold == value
    assert device.link._sequence < 100


def test_command_size():
    assert len(command(Op.STOP, 1, 2)) == COMMAND_BYTES + 4
