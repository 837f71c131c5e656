# SPDX-License-Identifier: BSD-2-Clause
"""The golden device by docs/protocol.md: commands, errors, repeats, claim, shots, status, ledger."""

import numpy as np
import pytest
from amaranth.lib import data

from macropix.gateware import wire
from macropix.gateware.config import Config, Form
from macropix.gateware.registers import CONTROL, STATUS, State
from macropix.gateware.wire import Error, Kind, Op
from macropix.sim.golden.bias import lookup
from macropix.sim.golden.device import GIVE_UP, UNCLAIMED, GoldenDevice
from macropix.sim.golden.die import expose, reset_registers
from macropix.sim.golden.encode.slices import encode_frame
from macropix.sim.golden.packets import command
from macropix.sim.golden.settings import tag

EPOCH = 0x1234
CONFIG = Config(rows=12, cols=12)
LAPLACIAN = [-32] * 4 + [256] + [-32] * 4


class Bench:
    """A device, and its packets taken apart."""

    def __init__(self, config=CONFIG, *, claim=True):
        self.device = GoldenDevice(config)
        self.sequence = 0
        if claim:
            self.ask(Op.CLAIM, epoch=EPOCH)
            self.packets()

    def packets(self, takes: int = 1) -> list:
        text = b"".join(self.device.take() for _ in range(takes))
        out = []
        while text:
            head = data.Const(data.Layout.cast(wire.Header), int.from_bytes(text[:20], "little"))
            size = wire.OVERHEAD_BYTES + int(head["length"])
            out.append((head, text[20 : size - 4], text[:size]))
            text = text[size:]
        return out

    def send(self, op, address=0, words=(), *, epoch=EPOCH, sequence=None) -> None:
        self.sequence += 1
        self.device.feed(command(op, self.sequence if sequence is None else sequence, epoch, address, words))

    def ask(self, op, address=0, words=(), *, epoch=EPOCH, sequence=None) -> tuple[Error, list[int]]:
        """Error and words of the reply, which must be the next packet."""
        self.send(op, address, words, epoch=epoch, sequence=sequence)
        self.rest = self.packets()
        head, payload, _ = self.rest.pop(0)
        assert head["kind"] is Kind.REPLY
        reply = data.Const(data.Layout.cast(wire.Reply), int.from_bytes(payload[:10], "little"))
        assert int(reply["sequence"]) == (self.sequence if sequence is None else sequence)
        self.reply = reply
        return reply["error"], np.frombuffer(payload[10:], "<u2").tolist()

    def set(self, name: str, value: int) -> None:
        assert self.ask(Op.WRITE, CONTROL[name].address, CONTROL[name].to_words(value)) == (Error.OK, [])

    def status(self) -> dict[str, int]:
        error, words = self.ask(Op.READ, 0, 60)
        assert error is Error.OK
        return {name: register.from_words(words[register.address :][: register.words]) for name, register in STATUS.items()}


def kinds(packets) -> list[Kind]:
    return [head["kind"] for head, _, _ in packets]


# ---- claim and status ---------------------------------------------------------------------------------------


def test_a_device_after_reset_has_epoch_0():
    bench = Bench(claim=False)
    status = bench.status()
    assert (status["epoch"], status["state"]) == (0, State.LOCKED)
    assert bench.ask(Op.WRITE, 0x100, [1])[0] is Error.EPOCH
    assert bench.ask(Op.WRITE, 0x100, [1], epoch=0)[0] is Error.EPOCH
    assert bench.ask(Op.START, epoch=0)[0] is Error.EPOCH
    assert bench.ask(Op.CLAIM, epoch=0)[0] is Error.EPOCH


def test_status_registers_tell_the_configuration():
    config = Config(rows=20, cols=16, border=2, macro=5, kernels=4, form=Form.SHARED, lane_bits=1, noise=False)
    status = Bench(config).status()
    for name in ("rows", "cols", "border", "macro", "kernels", "lanes", "lane_bits", "fifo_bytes", "clock_hz"):
        assert status[name] == getattr(config, name)
    assert (status["protocol_major"], status["protocol_minor"], status["chip_id"]) == (1, 0, 0x4D505831)
    assert (status["config_hash"], status["features"], status["slice_pixels"]) == (config.hash, 1 + 2 + 8 + 16, 1024)
    assert (status["epoch"], status["state"]) == (EPOCH, State.CLAIMED | State.LOCKED)


def test_a_claim_answers_as_packet_0_of_the_new_epoch_and_a_status_follows():
    bench = Bench()
    bench.set("shots", 3)
    bench.ask(Op.START)
    bench.packets(3)
    bench.send(Op.CLAIM, epoch=0x77)
    (reply, _, _), (status, payload, _) = bench.packets()
    assert (reply["kind"], status["kind"]) == (Kind.REPLY, Kind.STATUS)
    assert [int(head["number"]) for head in (reply, status)] == [0, 1]
    assert [int(head["epoch"]) for head in (reply, status)] == [0x77, 0x77]
    assert len(payload) == 120
    after = bench.status()
    for name in ("shots_done", "frames_done", "produced", "arrived", "sent", "commands_done", "commands_refused", "triggers_missed"):
        assert after[name] == (1 if name == "commands_done" else 0), name  # the READ of the status itself
    assert after["epoch"] == 0x77
    assert after["tag"] != 0
    assert bench.ask(Op.WRITE, 0x100, [1])[0] is Error.EPOCH
    assert bench.ask(Op.WRITE, 0x100, [1], epoch=0x77)[0] is Error.OK


def test_a_claim_stops_what_runs_with_one_status():
    bench = Bench()
    bench.set("shots", 0)
    bench.ask(Op.START)
    bench.packets()
    bench.send(Op.CLAIM, epoch=EPOCH)
    assert kinds(bench.packets()) == [Kind.REPLY, Kind.STATUS]
    assert bench.packets() == []


def test_a_status_packet_is_the_status_block():
    bench = Bench()
    assert bench.ask(Op.STATUS)[0] is Error.OK
    ((head, payload, _),) = bench.rest
    assert head["kind"] is Kind.STATUS
    words = np.frombuffer(payload, "<u2").tolist()
    assert words[:21] == bench.ask(Op.READ, 0, 21)[1]
    assert [int(head[name]) for name in ("shot", "count", "kernel", "first", "last")] == [0] * 5
    assert int(head["where"]) <= bench.device.time


def test_an_unclaimed_device_says_what_it_is_every_2_to_the_18_clocks():
    bench = Bench(claim=False)
    bench.device.idle(UNCLAIMED - 1)
    assert bench.packets() == []
    bench.device.idle(1)
    assert kinds(bench.packets()) == [Kind.STATUS]
    bench.device.idle(UNCLAIMED)
    ((head, _, _),) = bench.packets()
    assert int(head["number"]) == 1
    claimed = Bench()
    claimed.device.idle(4 * UNCLAIMED)
    assert claimed.packets() == []


# ---- errors, in their order ---------------------------------------------------------------------------------


def test_errors():
    bench = Bench()
    for op, address, words, error in (
        (9, 0, (), Error.OP),
        (0, 0, 1, Error.OP),
        (9, 0, 5, Error.OP),
        (9, 0, 300, Error.OP),
        (Op.WRITE, 0x100, (), Error.LENGTH),
        (Op.READ, 0x100, 0, Error.LENGTH),
        (Op.READ, 0x8000, 257, Error.LENGTH),
        (Op.START, 0, 1, Error.LENGTH),
        (Op.CLAIM, 0, 1, Error.LENGTH),
        (Op.READ, 0x11F, 1, Error.ADDRESS),
        (Op.READ, 0x11E, 2, Error.ADDRESS),
        (Op.WRITE, 0x3F, [1], Error.ADDRESS),
        (Op.WRITE, 0x0, [1], Error.READ_ONLY),
        (Op.WRITE, 0x3B, [1], Error.READ_ONLY),
        (Op.WRITE, 0x8000 + 144, [1], Error.ADDRESS),
    ):
        assert bench.ask(op, address, words)[0] is error, (op, address, words)
        bench.device._finder.forget()
    assert bench.status()["commands_refused"] == 15


def test_the_first_error_that_applies_is_told():
    bench = Bench()
    assert bench.ask(Op.WRITE, 0x3F, (), epoch=1)[0] is Error.LENGTH
    assert bench.ask(Op.WRITE, 0x3F, [1], epoch=1)[0] is Error.EPOCH
    assert bench.ask(Op.WRITE, 0x3B, [1, 1], epoch=EPOCH)[0] is Error.ADDRESS


def test_a_refused_command_changes_nothing():
    bench = Bench()
    before = bench.ask(Op.READ, 0x100, 31)[1]
    for address, words, epoch in ((0x11E, [1, 2], EPOCH), (0x108, [99], EPOCH + 1)):
        assert bench.ask(Op.WRITE, address, words, epoch=epoch)[0] is not Error.OK
    text = bytearray(command(Op.WRITE, 50, EPOCH, 0x108, [99]))
    text[13] ^= 1
    bench.device.feed(bytes(text))
    bench.packets()
    assert bench.ask(Op.READ, 0x100, 31)[1] == before


def test_a_corrupt_command_is_counted_and_answered():
    bench = Bench()
    text = bytearray(command(Op.WRITE, 50, EPOCH, 0x108, [99]))
    text[-1] ^= 1
    bench.device.feed(bytes(text))
    ((_, payload, _),) = bench.packets()
    reply = data.Const(data.Layout.cast(wire.Reply), int.from_bytes(payload, "little"))
    assert (reply["error"], int(reply["sequence"]), int(reply["corrupt"])) == (Error.CORRUPT, 50, 1)
    status = bench.status()
    assert (status["commands_corrupt"], status["commands_refused"]) == (1, 0)


def test_half_a_command_is_given_up():
    bench = Bench()
    text = command(Op.WRITE, 50, EPOCH, 0x108, [99])
    bench.device.feed(text[:14])
    bench.device.idle(GIVE_UP - 1)
    assert bench.device._finder.pending
    bench.device.idle(GIVE_UP)
    assert bench.packets() == []
    assert bench.status()["commands_corrupt"] == 1


def test_read_and_status_are_obeyed_for_any_epoch():
    bench = Bench()
    assert bench.ask(Op.READ, 0x101, 1, epoch=9)[0] is Error.OK
    assert bench.ask(Op.STATUS, epoch=0)[0] is Error.OK
    assert kinds(bench.rest) == [Kind.STATUS]


# ---- repeats ------------------------------------------------------------------------------------------------


def test_a_repeated_write_is_answered_and_not_done():
    bench = Bench()
    assert bench.ask(Op.WRITE, 0x108, [5], sequence=70)[0] is Error.OK
    assert bench.ask(Op.WRITE, 0x108, [6], sequence=70)[0] is Error.OK
    assert bench.ask(Op.READ, 0x108, 1, sequence=71) == (Error.OK, [5])
    assert bench.status()["commands_done"] == 3


def test_a_repeated_start_starts_once():
    bench = Bench()
    bench.send(Op.START, sequence=70)
    bench.send(Op.START, sequence=70)
    bench.send(Op.START, sequence=71)
    bench.send(Op.START, sequence=71)
    replies = bench.packets()
    errors = [payload[3] for _, payload, _ in replies]
    assert errors == [0, 0, 7, 7]
    assert kinds(bench.packets()) == [Kind.DATA, Kind.STATUS]
    assert bench.packets() == []
    status = bench.status()
    assert (status["triggers_missed"], status["shots_done"]) == (1, 1)
    assert (status["commands_done"], status["commands_refused"]) == (2, 2)


def test_a_repeated_read_reads_anew_and_a_repeated_claim_claims_anew():
    bench = Bench()
    times = [bench.ask(Op.READ, STATUS["device_time"].address, 4, sequence=70)[1] for _ in range(2)]
    assert times[0] != times[1]
    bench.ask(Op.STATUS, sequence=71)
    bench.ask(Op.STATUS, sequence=71)
    assert kinds(bench.rest) == [Kind.STATUS]
    for _ in range(2):
        bench.ask(Op.CLAIM, epoch=EPOCH, sequence=72)
        assert kinds(bench.rest) == [Kind.STATUS]
    assert bench.ask(Op.WRITE, 0x108, [9], sequence=72) == (Error.OK, [])
    assert bench.ask(Op.READ, 0x108, 1)[1] == [0]


def test_refused_corrupt_and_foreign_commands_are_not_the_last_executed():
    bench = Bench()
    bench.ask(Op.WRITE, 0x108, [5], sequence=70)
    bench.ask(Op.WRITE, 0x000, [5], sequence=71)
    bench.ask(Op.READ, 0x108, 1, sequence=72, epoch=9)
    assert bench.ask(Op.WRITE, 0x108, [6], sequence=70)[0] is Error.OK
    assert bench.ask(Op.READ, 0x108, 1, sequence=73)[1] == [5]


# ---- shots --------------------------------------------------------------------------------------------------


def loaded(**registers) -> tuple[Bench, np.ndarray]:
    bench = Bench()
    scene = np.random.default_rng(1).integers(0, 65505, (12, 12)).astype(np.uint16)
    assert bench.ask(Op.WRITE, 0x8000, scene.ravel().tolist())[0] is Error.OK
    assert bench.ask(Op.WRITE, 0x1000, [code & 0x3FF for code in LAPLACIAN])[0] is Error.OK
    assert bench.ask(Op.WRITE, 0x1000 + 32 * 5, [0] * 4 + [256] + [0] * 4)[0] is Error.OK
    for name, value in registers.items():
        bench.set(name, value)
    return bench, scene


def test_a_start_gives_the_golden_frames_and_a_status():
    changes = {"shots": 2, "sequence_length": 3, "sequence": 0 | 5 << 3 | 0 << 6, "mode": 2, "threshold": 30, "noise_signal": 8}
    bench, scene = loaded(**changes)
    assert bench.ask(Op.START)[0] is Error.OK
    packets = [*bench.rest, *bench.packets(2)]
    assert kinds(packets) == [Kind.DATA] * 6 + [Kind.STATUS]
    registers = {**reset_registers(), **changes}
    for i, (head, _, text) in enumerate(packets[:6]):
        kernel = [0, 5, 0][i % 3]
        weights, darks = lookup(LAPLACIAN if kernel == 0 else [0] * 4 + [256] + [0] * 4)
        frame = expose(CONFIG, scene, registers, weights, darks, shot=i // 3, kernel=kernel)
        made = encode_frame(frame, registers=registers, epoch=EPOCH, tag=tag(registers, weights, darks), time=int(head["where"]), number=i)
        assert made == [text]
        assert any(frame.value.ravel())
    assert bench.packets() == []
    status = bench.status()
    assert (status["shots_done"], status["frames_done"], status["produced"], status["sent"]) == (2, 6, 6, 6)
    assert status["tag"] == tag(registers, *lookup(LAPLACIAN))


def test_time_goes_forward_from_frame_to_frame():
    bench, _ = loaded(shots=3)
    bench.ask(Op.START)
    times = [int(head["where"]) for head, _, _ in bench.packets(3)]
    assert times == sorted(set(times))


def test_shots_go_on_counting_behind_the_next_start():
    bench, _ = loaded(shots=2)
    for first in (0, 2):
        bench.ask(Op.START)
        heads = [head for head, _, _ in bench.packets(2) if head["kind"] is Kind.DATA]
        assert [int(head["shot"]) for head in heads] == [first, first + 1]
        assert [int(head["number"]) for head in heads] == [first, first + 1]


def test_free_run_until_stopped():
    bench, _ = loaded(shots=0)
    bench.ask(Op.START)
    for _ in range(20):
        assert kinds(bench.packets()) == [Kind.DATA]
    assert bench.status()["state"] & State.RUNNING
    assert bench.ask(Op.STOP)[0] is Error.OK
    assert kinds(bench.rest) == [Kind.STATUS]
    assert bench.packets() == []
    assert bench.ask(Op.STOP)[0] is Error.OK
    assert bench.rest == []


def test_a_write_between_two_shots_acts_on_the_next():
    bench, _ = loaded(shots=2)
    bench.ask(Op.START)
    ((first, _, _),) = bench.packets()
    bench.set("gain", 2)
    (second, _, _), _ = bench.packets()
    assert int(first["tag"]) != int(second["tag"])


def test_the_sequence_is_taken_at_the_start():
    bench, _ = loaded(shots=2, sequence_length=2)
    bench.ask(Op.START)
    first = bench.packets()
    bench.set("sequence_length", 1)
    bench.set("shots", 9)
    assert kinds(first + bench.packets()) == [Kind.DATA] * 4 + [Kind.STATUS]


def test_a_write_right_behind_the_start_acts_behind_the_first_shot():
    """The exposure is under way from the START on, whenever somebody asks for it: writes wait for its end."""
    bench, _ = loaded(shots=2)
    bench.ask(Op.START)
    bench.send(Op.WRITE, CONTROL["gain"].address, [2])
    bench.send(Op.WRITE, CONTROL["threshold"].address, [5])
    (first, _, _), one, two = bench.packets()
    assert kinds([one, two]) == [Kind.REPLY] * 2
    (second, _, _), _ = bench.packets()
    other, _ = loaded(shots=1)
    other.ask(Op.START)
    (alone, _, _), _ = other.packets()
    assert int(first["tag"]) == int(alone["tag"]) != int(second["tag"])


@pytest.mark.parametrize(("stored", "frames"), [(0, 1), (8, 8), (9, 8), (15, 8)])
def test_sequence_lengths_without_a_meaning(stored, frames):
    bench, _ = loaded()
    bench.ask(Op.WRITE, CONTROL["sequence_length"].address, [stored])
    bench.ask(Op.START)
    assert kinds(bench.packets()) == [Kind.DATA] * frames + [Kind.STATUS]


def test_saturation_is_counted_since_the_claim():
    bench, _ = loaded(scene_source=3, gain=5, shots=2, sequence=5)
    bench.ask(Op.START)
    bench.packets(2)
    status = bench.status()
    assert (status["saturated_pga"], status["saturated_adc"], status["saturated_di"]) == (2 * 64, 2 * 64, 0)
    bench.ask(Op.CLAIM)
    assert bench.status()["saturated_pga"] == 0


def test_maps_reach_the_frame():
    bench, _ = loaded(scene_source=3, sequence=5, pedestal_enable=1, mask_enable=1)
    bench.ask(Op.WRITE, 0x4000, [3, 0x8000 | 0xFFF])
    bench.ask(Op.START)
    (head, payload, _), _ = bench.packets()
    assert head["positions"] is wire.Positions.FLAGGED
    assert payload[:8] == b"\xfd" + b"\xff" * 7
    assert int.from_bytes(payload[8:11], "little") == 2044 | 2047 << 12


def test_a_frame_of_several_slices_counts_its_slices():
    bench = Bench(Config(rows=64, cols=48))
    bench.set("read", 0)
    bench.ask(Op.START)
    assert kinds(bench.packets()) == [Kind.DATA] * 3 + [Kind.STATUS]
    status = bench.status()
    assert (status["frames_done"], status["produced"], status["arrived"], status["sent"]) == (1, 3, 3, 3)
