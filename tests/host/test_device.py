# SPDX-License-Identifier: BSD-2-Clause
"""A claimed device: versions, memories, captures, and that it is let go whatever happens."""

import numpy as np
import pytest

from macropix.gateware import registers as gateware_registers
from macropix.gateware.config import Config
from macropix.gateware.registers import CONTROL, STATUS
from macropix.gateware.wire import Op, Read, Scene
from macropix.host import kernels
from macropix.host.device import Device
from macropix.host.errors import DataLostError, DeviceError, UserError
from macropix.host.settings import tag

RNG = np.random.default_rng(5)


def ops(transport) -> list[int]:
    return [data[1] for data in transport.written]


def test_opening_reads_what_the_device_holds(damaged):
    transport = damaged()
    with Device(transport, timeout=2, seed=1) as device:
        device.load_kernel(2, "sobel_x")
        device.load_response(np.arange(1024) % 7, np.arange(1024) % 5)
        device.registers.update(threshold=9, seed=77)
        kept = device.mirror
    transport.closed = 0
    with Device(transport, timeout=2, seed=2) as device:
        assert (device.mirror.control, device.mirror.bias) == (kept.control, kept.bias)
        assert (device.mirror.weight, device.mirror.dark) == (kept.weight, kept.dark)


def test_epochs_come_from_the_seed(damaged):
    epochs = []
    for seed in (1, 1, 2):
        with Device(damaged(), timeout=2, seed=seed) as device:
            epochs.append((device.epoch, device.claim().epoch, device.claim().epoch))
    assert epochs[0] == epochs[1] != epochs[2]
    assert all(len(set(three)) == 3 and 0 not in three for three in epochs)


def test_random_epochs_differ(damaged):
    seen = set()
    for _ in range(4):
        with Device(damaged(), timeout=2) as device:
            seen.add(device.epoch)
    assert len(seen) > 1


def test_newer_major_version_is_refused(transport):
    words = transport.device._status_words

    def newer():
        made = words()
        made[STATUS["protocol_major"].address] = 2
        made[STATUS["protocol_minor"].address] = 5
        return made

    transport.device._status_words = newer
    with pytest.raises(DeviceError, match=r"expected version 1\.0 or older, found version 2\.5 \(update the host"):
        Device(transport, timeout=2)
    assert transport.closed == 1


def test_tags_are_the_gateware_s():
    values = {name: int(RNG.integers(one.minimum, one.maximum, endpoint=True)) for name, one in CONTROL.items()}
    weights, darks = RNG.integers(-512, 512, 9).tolist(), RNG.integers(-2048, 2048, 9).tolist()
    assert tag(values, weights, darks) == gateware_registers.tag(values, weights, darks)


@pytest.mark.parametrize("read", list(Read))
def test_snap(device, read):
    scene = RNG.integers(0, 200, (12, 12)) * 256
    device.load_scene(scene)
    device.load_kernel(0, "identity")
    device.registers.read = read
    frame = device.snap()
    inner = scene[1:-1, 1:-1] // 256 * 8
    want = {Read.SINGLE: inner, Read.SLIDING: inner[1:-1, 1:-1], Read.TILES: inner[1:-1:3, 1:-1:3][:3, :3]}[read]
    assert (frame.image == want).all()
    assert frame.kernel_name == "identity"
    assert device.ledger().ok


def test_load_scene_makes_it_the_scene(device):
    device.registers.scene_source = "prbs"
    device.load_scene(np.ones((12, 12), np.uint8))
    assert device.registers.scene_source is Scene.MEMORY
    assert device.scene.dtype == np.uint16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: d.load_scene(np.zeros((12, 11), int)), "the scene has the wrong shape; expected 12 × 12, found 12 × 11"),
        (lambda d: d.load_scene(np.zeros((12, 12))), "the scene must hold whole numbers, not float64"),
        (lambda d: d.load_scene(np.full((12, 12), 65536)), "the scene must hold 0 … 65535, found 65536 … 65536"),
        (lambda d: d.load_scene(np.full((12, 12), -1)), "the scene must hold 0 … 65535"),
        (lambda d: d.load_kernel(8, "mean"), "the bank holds kernels 0 … 7, not 8"),
        (lambda d: d.load_kernel(-1, "mean"), "the bank holds kernels 0 … 7, not -1"),
        (lambda d: d.load_kernel(0, "meen"), "did you mean mean"),
        (lambda d: d.load_kernel(0, "log5"), "kernel log5 is 5 × 5, the device's macro-pixel 3 × 3"),
        (lambda d: d.load_kernel(0, np.full((3, 3), 512)), "a kernel's codes must hold -512 … 511"),
        (lambda d: d.load_kernel(0, kernels.get("log5", 5)), "a kernel's codes has the wrong shape"),
        (lambda d: d.load_response(np.zeros(1023, int)), "the weight table has the wrong shape"),
        (lambda d: d.load_response(None, np.full(1024, 2048)), "the dark table must hold -2048 … 2047"),
        (lambda d: d.load_pedestal(np.zeros((9, 8), int)), "the pedestal has the wrong shape; expected 8 × 8"),
        (lambda d: d.load_pedestal(None, np.full((8, 8), 2)), "the mask must hold 0 … 1"),
        (lambda d: d.sequence([]), "a sequence has 1 … 8 kernels"),
        (lambda d: d.sequence([0] * 9), "a sequence has 1 … 8 kernels"),
        (lambda d: d.sequence([8]), "a sequence has 1 … 8 kernels of 0 … 7"),
        (lambda d: d.start(-1), "shots must be from 0 to 4294967295, not -1"),
        (lambda d: Device(d.transport, timeout=0), "the timeout must be above 0 s"),
    ],
)
def test_bad_arguments_write_nothing(device, transport, call, message):
    before = len(transport.written)
    with pytest.raises(UserError, match=message):
        call(device)
    assert len(transport.written) == before


def test_missing_parts_are_named(damaged):
    with Device(damaged(Config(rows=12, cols=12, response_table=False, pedestal_map=False)), timeout=2) as device:
        with pytest.raises(UserError, match="was built without a response table"):
            device.load_response()
        with pytest.raises(UserError, match="was built without a pedestal map"):
            device.load_pedestal(np.zeros((8, 8), int))
        device.reset()


def test_pedestal_and_mask(device):
    device.load_scene(np.full((12, 12), 256 * 100))
    device.load_kernel(0, "identity")
    pedestal = RNG.integers(-100, 100, (8, 8))
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    before = device.mirror.settings(0).tag
    device.load_pedestal(pedestal, mask)
    assert device.mirror.settings(0).tag != before
    frame = device.snap()
    assert (frame.image == 800 - pedestal).all()
    assert (frame.masked == mask).all()
    device.registers.update(mode="edge", threshold=1)
    frame = device.snap()
    assert (frame.sent == ~mask).all()
    assert (frame.masked == mask).all()
    assert (frame.settings.pedestal == pedestal).all()
    device.load_pedestal()
    assert not device.snap().masked.any()


def test_sequence_of_kernels(device):
    device.load_scene(RNG.integers(0, 65000, (12, 12)))
    for place, name in enumerate(("identity", "laplacian", "sobel_x")):
        device.load_kernel(place, name)
    device.sequence([2, 0, 1, 0])
    frames = list(device.capture(3))
    assert [frame.kernel for frame in frames] == [2, 0, 1, 0] * 3
    assert [frame.kernel_name for frame in frames[:4]] == ["sobel_x", "identity", "laplacian", "identity"]
    assert [frame.shot for frame in frames] == [0] * 4 + [1] * 4 + [2] * 4
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})


def test_frames_across_a_change_carry_their_own_settings(device):
    device.load_scene(RNG.integers(0, 65000, (12, 12)))
    device.load_kernel(0, "laplacian")
    device.registers.update(mode="edge", threshold=1)
    seen = []
    for frame in device.capture(0):
        seen.append(frame)
        if len(seen) == 3:
            device.registers.threshold = 500
        if len(seen) == 6:
            device.load_kernel(0, "sobel_x")
        if len(seen) == 9:
            break
    assert [frame.settings.threshold for frame in seen] == [1] * 3 + [500] * 6
    assert [frame.kernel_name for frame in seen] == ["laplacian"] * 6 + ["sobel_x"] * 3
    assert all(np.abs(frame.value).min() >= frame.settings.threshold for frame in seen)
    assert not device.running
    assert device.ledger().ok


def test_change_in_several_commands_makes_known_every_step(device):
    """A response table is four commands: frames may be taken between them."""
    device.load_kernel(0, np.array([[0, 300, -300], [511, -512, 5], [0, 0, 256]]))
    device.start(0)
    device.load_response(RNG.integers(-512, 512, 1024), RNG.integers(-2048, 2048, 1024))
    known = device.link.assembler.known.values()
    assert len({settings.tag for settings in known}) >= 6
    device.stop()
    assert device.ledger().ok


def test_collision_of_tags_in_one_capture_is_refused(device):
    """The search for a collision is the host's; that it refuses is what counts."""
    device.start(0)
    target = device.mirror.settings(0)
    for seed in range(1 << 20):
        if tag({**target.registers, "seed": seed, "scene_level": 1}, target.weights, target.darks) == target.tag:
            break
    with pytest.raises(DeviceError, match=r"two configurations of one capture have the same tag 0x[0-9A-F]{4} \(stop the capture first\)"):
        device.registers.update(seed=seed, scene_level=1)
    assert device.mirror.settings(0) is target
    device.stop()
    device.registers.update(seed=seed, scene_level=1)
    assert device.snap().settings.registers["seed"] == seed


def test_leaving_the_loop_stops_the_device(device, transport):
    for n, _ in enumerate(device.capture(0)):
        if n == 2:
            break
    assert ops(transport)[-2:] == [Op.STOP.value, Op.STATUS.value]
    assert not device.running
    assert len(list(device.capture(2))) == 2


def test_exception_in_a_capture_stops_and_closes(transport):
    with pytest.raises(ZeroDivisionError), Device(transport, timeout=2, seed=1) as device:
        for _ in device.capture(0):
            1 / 0
    assert Op.STOP.value in ops(transport)
    assert transport.closed == 1
    assert not transport.device.running


def test_exception_between_captures_stops_a_started_device(transport):
    with pytest.raises(KeyboardInterrupt), Device(transport, timeout=2, seed=1) as device:
        device.start(0)
        raise KeyboardInterrupt
    assert Op.STOP.value in ops(transport)
    assert transport.closed == 1


def test_closing_a_device_that_is_gone(transport):
    with Device(transport, timeout=2, seed=1) as device:
        device.start(0)
        transport.gone = True
    assert transport.closed == 1
    device.close()
    assert transport.closed == 1
    with pytest.raises(DeviceError, match="model://damaged is closed"):
        device.status()
    with pytest.raises(DeviceError, match="model://damaged is closed"):
        list(device.frames())


def test_two_captures_at_once(device):
    device.start(0)
    with pytest.raises(UserError, match="a capture is under way: stop it first"):
        device.start(1)
    device.stop()
    assert list(device.capture(1))


def test_stop_leaves_frames_to_fetch(device):
    device.start(0)
    device.link.pump(1)
    device.stop()
    assert list(device.frames())
    device.start(1)
    assert [frame.shot for frame in device.frames()] == [device.status().shots_done - 1]


def test_lost_slices_are_counted_and_told(device, transport):
    device.load_kernel(0, "identity")
    frames = [0]

    def up(data: bytes) -> bytes:
        frames[0] += 1
        return data[:30] + data[31:] if frames[0] in (4, 7, 10) and len(data) > 100 else data

    transport.up = up
    got = list(device.capture(12))
    transport.up = lambda data: data
    ledger = device.ledger()
    assert (ledger.sent, ledger.received, ledger.lost, ledger.frames) == (12, len(got), 12 - len(got), len(got))
    assert 9 <= len(got) < 12
    assert ledger.balanced
    assert not ledger.ok
    with pytest.raises(DataLostError, match="slices lost on the link"):
        ledger.check()


def test_snap_of_a_lost_frame(device, transport):
    transport.up = lambda data: b"" if len(data) > 70 and data[1] & 3 == 0 else data
    with pytest.raises(DataLostError, match="1 slices lost on the link"):
        device.snap()


def test_final_status_lost(device, transport):
    """The run's end is then found by asking."""
    dropped = []

    def up(data: bytes) -> bytes:
        if not dropped and data and data[1] & 3 == 0:
            dropped.append(data)
            return data[: -len(data) // 3]  # the status is at its end
        return data

    transport.up = up
    assert len(list(device.capture(1))) <= 1
    assert not device.running


def test_device_that_hangs(device, transport):
    """RUNNING, answering, and no frame ever."""
    device.link.timeout = device.timeout = 0.2
    device.start(0)
    transport.device._shot = lambda: None
    with pytest.raises(DeviceError, match=r"no frame from model://damaged within 0.2 s: waited for the one behind 0 exposed, state <State"):
        list(device.frames())


def test_device_that_sends_what_makes_no_frame(device):
    """Bytes without end, and none of use: the wait ends all the same, and says what came."""
    device.link.timeout = device.timeout = 0.3
    device.start(0)
    device.link.assembler.forget()
    with pytest.raises(DeviceError, match=r"no frame from model://damaged within 0.3 s, though bytes come: \d+ slices of unknown settings"):
        list(device.frames())
    device.stop()


def test_reply_frames_and_final_status_in_one_chunk(device, transport):
    """Then nothing needs to be asked, and nothing waited for."""
    held = []

    def up(data: bytes) -> bytes:
        while more := transport.device.take():
            held.append(more)
        data, held[:] = data + b"".join(held), []
        return data

    transport.up = up
    transport.written.clear()
    assert len(list(device.capture(3))) == 3
    assert ops(transport)[-1] == Op.START.value


def test_reset(device):
    device.load_kernel(0, "mean")
    device.load_response(np.zeros(1024, int))
    device.registers.update(threshold=4, shots=9)
    device.reset()
    assert device.registers.values() == {name: register.reset for name, register in CONTROL.items()}
    assert not any(device.mirror.bias)
    assert device.mirror.weight[512:514] == [-512, -511]


def test_claim_begins_anew(device):
    list(device.capture(3))
    device.claim()
    assert device.ledger().produced == 0
    assert device.snap().shot == 0


def test_repr(device):
    assert repr(device) == f"<Device model://damaged, 12 × 12, epoch {device.epoch}>"
