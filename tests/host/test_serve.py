# SPDX-License-Identifier: BSD-2-Clause
"""A served device: who gets in, what everybody else is told, and what an attacker or a crashed client can do."""

import os
import socket
import struct
import termios
import time

import numpy as np
import pytest

import macropix.host
from macropix.gateware.config import Config
from macropix.gateware.wire import Op
from macropix.host.device import Device
from macropix.host.errors import DeviceError, UserError
from macropix.host.serve import door, peer
from macropix.host.serve.backend import Backend
from macropix.host.serve.door import is_loopback
from macropix.host.serve.server import Server
from macropix.host.transport.tcp import TcpTransport
from macropix.sim.golden.device import GoldenDevice
from macropix.sim.golden.packets import command
from macropix.sim.golden.transport import ModelTransport

TOKEN = "a-secret-of-many-letters"
CONFIG = Config(rows=12, cols=12)


def model() -> ModelTransport:
    return ModelTransport(CONFIG)


class Live(ModelTransport):
    """The golden device as if it went on by itself, with a descriptor that is always readable, and an end to come."""

    live = True

    def __init__(self):
        super().__init__(CONFIG)
        self.gone = ""
        self.closed = 0
        self._near, self._far = socket.socketpair()
        self._far.send(b".")

    def fileno(self) -> int:
        return self._near.fileno()

    def read(self, timeout: float) -> bytes:
        if self.gone:
            raise DeviceError(self.gone)
        return self.device.take()

    def close(self) -> None:
        self.closed += 1
        self._near.close()
        self._far.close()


def large() -> ModelTransport:
    """Frames of 2 KB in raw mode, to fill buffers soon."""
    return ModelTransport(Config(rows=40, cols=40))


def bare(serving, hello: bytes = b"macropix 1\n") -> socket.socket:
    """A client that is only a socket."""
    made = socket.create_connection(serving.server.address, timeout=10)
    made.sendall(hello)
    return made


def all_of(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    come = b""
    with connection:
        while part := connection.recv(65536):
            come += part
    return come


def eventually(condition) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "waited 10 s for it"
        time.sleep(0.01)


@pytest.mark.parametrize("pty", [False, True], ids=["tcp", "pty"])
def test_a_frame(serve, pty):
    serving = serve(model, pty=pty)
    with macropix.host.open(serving.url, seed=1) as device:
        device.load_scene(np.arange(144).reshape(12, 12) * 400)
        device.load_kernel(0, "sobel_x")
        device.registers.update(mode="raw")
        frame = device.snap()
        # a slope of 400 a column: Sobel at scale 1/2 sums (1 + 2 + 1) · 2 · 400 / 2, and 2^13 / 256 make an LSB
        assert set(frame.image.reshape(-1).tolist()) == {50}
        assert device.ledger().ok
        assert device.url == serving.url


def test_one_controller_at_a_time(serve):
    serving = serve(model)
    first = macropix.host.open(serving.url, seed=1)
    with pytest.raises(DeviceError, match=r"busy: controlled by 127\.0\.0\.1:\d+ since 20\d\d-.* \(one controller at a time"):
        macropix.host.open(serving.url)
    assert first.status().epoch == first.epoch
    first.close()
    with macropix.host.open(serving.url) as second:  # at once: nobody waits for the server to have noticed
        assert second.status().epoch == second.epoch


def test_a_controller_that_has_closed_does_not_keep_the_next_one_out():
    """Though much that it has written still waits to be heard. The loop is turned by hand."""
    server = Server(model)
    first, second = (socket.create_connection(server.address, timeout=10) for _ in range(2))
    try:
        first.sendall(b"macropix 1\n")
        while server._controller is None:
            server._turn()
        first.recv(100)
        first.sendall(bytes(100_000))
        first.close()
        second.sendall(b"macropix 1\n")
        time.sleep(0.1)
        server._turn()
        assert second.recv(100).startswith(b"macropix 1 ok ")
    finally:
        first.close()
        second.close()
        server.stop()
        server.run()


@pytest.mark.parametrize("way", ["reset", "closed unread", "half open"])
def test_a_client_that_vanishes_frees_the_device(serve, way):
    """While a capture without end runs; what it left in the pipe does not disturb the next."""
    serving = serve(large)
    lost = macropix.host.open(serving.url, seed=1)
    lost.start(0)
    raw = lost.transport._socket
    if way == "reset":
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
    elif way == "closed unread":
        eventually(lambda: serving.server._controller.full)
        raw.close()
    else:
        raw.shutdown(socket.SHUT_WR)
    with macropix.host.open(serving.url, seed=2) as device:
        list(device.capture(5))
        assert device.ledger().ok
    raw.close()


def test_a_peer_that_takes_nothing_is_let_go(serve):
    serving = serve(large, stall=0.3)
    lost = macropix.host.open(serving.url, seed=1)
    lost.start(0)
    eventually(lambda: serving.told("disconnected"))
    assert serving.told("disconnected")[0]["message"] == "nothing was taken for 0.3 s"
    lost.transport.close()
    macropix.host.open(serving.url).close()


def test_a_slow_reader_holds_the_device_in_bounded_memory(serve):
    serving = serve(large)
    with macropix.host.open(serving.url, seed=1) as device:
        device.start(0)
        eventually(lambda: serving.server._controller.full)
        controller = serving.server._controller
        time.sleep(0.3)
        waiting, taken = controller.waiting, serving.server._backend.open().device.time
        assert peer.OUTBOX <= waiting < peer.OUTBOX + 65536
        time.sleep(0.3)
        assert serving.server._backend.open().device.time == taken, "the device went on though nobody took anything"
        for number, _ in enumerate(device.frames()):
            if number == 300:
                break
        device.stop()
        for _ in device.frames():
            pass
        assert device.ledger().ok


# ---- who gets in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (b"macropix 1\n", b"macropix 1 refused a token is needed\n"),
        (b"macropix 1 token=\n", b"macropix 1 refused a token is needed\n"),
        (b"macropix 1 token=a-secret-of-many-letterz\n", b"macropix 1 refused wrong token\n"),
        (b"macropix 1 token=a-secret-of-many-letters-and-more\n", b"macropix 1 refused wrong token\n"),
        (b"macropix 1 token=a\n", b"macropix 1 refused wrong token\n"),
        (b"macropix 2 token=a-secret-of-many-letters\n", b"macropix 1 refused this server speaks version 1, not 2\n"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"macropix 1 refused that is no hello: a line 'macropix 1' is expected\n"),
        (b"\xc3\x03\x00\x00\xff\n", b"macropix 1 refused that is no hello: a line 'macropix 1' is expected\n"),
        (b"\n", b"macropix 1 refused that is no hello: a line 'macropix 1' is expected\n"),
        (b"macropix 1 token=" + b"a" * 5000, b"macropix 1 refused that is no hello: a line 'macropix 1' is expected\n"),
        (b"A" * 100_000, b"macropix 1 refused that is no hello: a line 'macropix 1' is expected\n"),
    ],
)
def test_whoever_is_refused_is_told_so_in_one_line(serve, hello, words):
    serving = serve(model, token=TOKEN)
    assert all_of(bare(serving, hello)) == words
    assert not serving.told("connected")
    assert TOKEN not in str(serving.events)


def test_the_right_token(serve, monkeypatch, tmp_path):
    serving = serve(model, token=TOKEN)
    with pytest.raises(DeviceError, match=r"refused: a token is needed \(put the server's token into MACROPIX_TOKEN\)"):
        macropix.host.open(serving.url)
    with pytest.raises(DeviceError, match=r"refused: wrong token \(is MACROPIX_TOKEN the server's token\?\)"):
        macropix.host.open(f"{serving.url}?token=another-secret-of-letters")
    with macropix.host.open(f"{serving.url}?token={TOKEN}") as device:
        with macropix.host.record(device, tmp_path / "run.h5"):
            list(device.capture(1))
        assert device.url == serving.url
        assert TOKEN not in repr(device)
        # the one who has no token does not learn who controls it; the one who has does
        assert all_of(bare(serving)) == b"macropix 1 refused a token is needed\n"
        assert b"busy controlled by" in all_of(bare(serving, f"macropix 1 token={TOKEN}\n".encode()))
    assert TOKEN.encode() not in (tmp_path / "run.h5").read_bytes()
    monkeypatch.setenv("MACROPIX_TOKEN", TOKEN)
    macropix.host.open(serving.url).close()
    assert TOKEN not in str(serving.events)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_no_address_for_others_without_a_token(host):
    with pytest.raises(UserError, match=r"can be reached from other machines: without a token .*MACROPIX_TOKEN.*ssh -L"):
        Server(model, host, 0)


@pytest.mark.parametrize(
    ("host", "own"), [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.1", False)]
)
def test_loopback(host, own):
    assert is_loopback(host) is own


def test_a_token_that_could_be_guessed_is_none():
    with pytest.raises(
        UserError, match=r"can't be a token; expected 16 to 128 .* found 7 characters \(python -c .*token_urlsafe"
    ) as caught:
        Server(model, "0.0.0.0", 0, token="hunter2")
    assert "hunter2" not in str(caught.value)


def test_an_address_in_use_is_named(serve):
    serving = serve(model)
    with pytest.raises(UserError, match=r"can't listen on 127\.0\.0\.1:\d+, found Address already in use \(--listen HOST:0"):
        Server(model, *serving.server.address)


# ---- guests that do no good --------------------------------------------------------------------------------


def test_a_slow_hello_is_given_up(serve):
    serving = serve(model, patience=0.3)
    with socket.create_connection(serving.server.address, timeout=10) as slow:
        slow.sendall(b"macro")
        assert all_of(slow) == b"macropix 1 refused no hello within 0.3 s\n"


def test_a_hello_byte_by_byte(serve):
    serving = serve(model)
    with socket.create_connection(serving.server.address, timeout=10) as slow:
        for byte in b"macropix 1 colour=red\r\n":
            slow.sendall(bytes([byte]))
            time.sleep(0.002)
        assert slow.recv(100).startswith(b"macropix 1 ok in_flight=8 device=model://")


def test_a_crowd_that_says_nothing_keeps_nobody_out(serve):
    serving = serve(model)
    crowd = [socket.create_connection(serving.server.address, timeout=10) for _ in range(3 * door.GUESTS)]
    with macropix.host.open(serving.url) as device:
        assert device.status().epoch
    assert len(serving.server._door.guests) <= door.GUESTS
    for one in crowd:
        one.close()


def test_garbage_from_the_controller_harms_nobody(serve):
    serving = serve(model)
    with bare(serving, b"macropix 1\n" + np.random.default_rng(5).bytes(300_000)) as noise:
        noise.recv(100)
    eventually(lambda: serving.told("disconnected"))  # all of it is heard before its end is
    with macropix.host.open(serving.url) as device:
        assert device.snap().pixels == 64


def test_the_memory_stays_bounded_though_reads_are_asked_and_never_taken(serve):
    serving = serve(model)
    with bare(serving) as greedy:
        greedy.settimeout(0.5)
        greedy.recv(100)
        flood = b"".join(command(Op.READ, number, 0, 0x8000, 64) for number in range(1000))
        with pytest.raises(TimeoutError):
            for _ in range(10_000):
                greedy.sendall(flood)
        # what one piece of 64 KiB can ask for comes on top: 4,681 replies of 36 + 128 bytes
        assert serving.server._controller.waiting < peer.OUTBOX + 5000 * 164


# ---- a device's end ----------------------------------------------------------------------------------------


def test_a_device_that_dies_is_told_of_and_opened_anew(serve):
    opened: list[Live] = []

    def opener() -> Live:
        if len(opened) == 1 and not opened[0].closed:
            raise AssertionError("opened twice")
        opened.append(Live())
        return opened[-1]

    serving = serve(opener)
    device = macropix.host.open(serving.url, seed=1)
    with pytest.raises(DeviceError, match=r"has ended the connection: serial:///dev/ttyUSB9 is gone: unplugged \(open it again"):
        for number, _ in enumerate(device.capture(0)):
            if number == 20:
                opened[0].gone = "serial:///dev/ttyUSB9 is gone: unplugged"
    assert opened[0].closed == 1
    with pytest.raises(DeviceError, match="is gone: unplugged"):
        device.status()
    device.close()
    with macropix.host.open(serving.url) as again:
        assert again.snap().pixels == 64
    assert len(opened) == 2
    assert [event["message"] for event in serving.told("device_lost")] == ["serial:///dev/ttyUSB9 is gone: unplugged"]


def test_a_device_that_does_not_come_back_is_told_of(serve):
    opened: list[Live] = []

    def opener() -> Live:
        if opened:
            raise DeviceError("serial:///dev/ttyUSB9 can't be opened: No such file or directory")
        opened.append(Live())
        return opened[-1]

    serving = serve(opener)
    opened[0].gone = "unplugged"
    eventually(lambda: serving.told("device_lost"))
    for _ in range(2):
        with pytest.raises(DeviceError, match="failed: serial:///dev/ttyUSB9 can't be opened: No such file"):
            macropix.host.open(serving.url)


def test_a_terminal_whose_device_dies_hangs_up(serve):
    opened: list[Live] = []
    serving = serve(lambda: opened.append(Live()) or opened[-1], pty=True)
    with macropix.host.open(serving.url, seed=1) as device:
        opened[0].gone = "unplugged"
        with pytest.raises(DeviceError, match=r"serial:///dev/pts/\d+ is gone: .*open it again"):
            device.status()
    serving._thread.join(10)
    assert str(serving.error) == "unplugged"


def test_a_server_that_is_stopped_says_so_and_closes_the_device(serve):
    opened: list[Live] = []
    serving = serve(lambda: opened.append(Live()) or opened[-1])
    url = serving.url
    with macropix.host.open(url, seed=1) as device:
        serving.stop()
        with pytest.raises(DeviceError, match="has ended the connection: the server was stopped"):
            device.status()
    assert opened[0].closed == 1
    with pytest.raises(DeviceError, match=r"can't be reached within 10 s: Connection refused \(is macropix serve-device running"):
        macropix.host.open(url)


def test_what_a_live_device_says_while_nobody_listens_is_thrown_away(serve):
    opened: list[Live] = []
    serving = serve(lambda: opened.append(Live()) or opened[-1])
    device = macropix.host.open(serving.url, seed=1)
    device.start(0)
    device.transport.close()
    eventually(lambda: serving.told("disconnected"))
    shots = opened[0].device._counts["shots_done"]
    eventually(lambda: opened[0].device._counts["shots_done"] > shots + 10)


class Troubled(ModelTransport):
    """`trouble` is called once, between two shots, when it is set."""

    trouble = None

    def read(self, timeout: float) -> bytes:
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            trouble(self)
        return super().read(timeout)


def reset(transport: Troubled) -> None:
    transport._device = GoldenDevice(CONFIG)
    transport._device.idle(1 << 18)


def claimed(transport: Troubled) -> None:
    transport.device.feed(command(Op.CLAIM, 1, 0x7777))


@pytest.mark.parametrize("pty", [False, True], ids=["tcp", "pty"])
@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (reset, r"was reset: it has forgotten its claim and its settings \(open it again\)"),
        (claimed, r"another host has claimed .*; expected epoch \d+, found 30583"),
    ],
)
def test_the_device_behind_it_changes_hands_in_mid_run(serve, pty, trouble, message, tmp_path):
    """The capture ends in words that name the device, its file holds what came, and a new one works at once."""
    backend = Troubled(CONFIG)
    serving = serve(lambda: backend, pty=pty)
    with macropix.host.open(serving.url, seed=1) as device:
        with pytest.raises(DeviceError, match=message), macropix.host.record(device, tmp_path / "cut.h5"):
            for number, _ in enumerate(device.capture(0)):
                if number == 20:
                    backend.trouble = trouble
        with macropix.host.CaptureFile(tmp_path / "cut.h5") as file:
            assert not file.complete
            assert [frame.shot for frame in file] == list(range(len(file)))
            assert len(file) > 20
        if trouble is claimed:
            device.claim()
            assert len(list(device.capture(3))) == 3
            assert device.ledger().ok
    with macropix.host.open(serving.url) as device:
        list(device.capture(3))
        assert device.ledger().ok


# ---- rest --------------------------------------------------------------------------------------------------


def test_at_rest_nothing_turns(serve):
    """A simulated device that rests costs no processor: the loop makes no turns."""
    serving = serve(model)
    with macropix.host.open(serving.url) as device:
        device.snap()
        time.sleep(0.3)
        turns = [0]
        turn = serving.server._turn

        def counted() -> None:
            turns[0] += 1
            turn()

        serving.server._turn = counted
        time.sleep(0.5)
        assert turns[0] <= 1
        assert device.status().epoch


def test_a_command_in_two_pieces_is_one(serve):
    """A simulated device's time stands still in between, however its host's network cuts it."""
    serving = serve(model)
    with bare(serving) as client:
        client.recv(100)
        text = command(Op.CLAIM, 1, 77) + command(Op.STATUS, 2, 77)
        for at in range(0, len(text), 7):
            client.sendall(text[at : at + 7])
            time.sleep(0.003)
        come = b""
        while come.count(b"\xa5") < 3 or len(come) < 200:
            come += client.recv(4096)
    assert serving.server._backend.open().device._commands == {"done": 1, "corrupt": 0, "refused": 0}


def test_half_a_command_is_given_up():
    backend = Backend(model)
    backend.write(command(Op.STATUS, 1, 0)[:9])
    deadline = time.monotonic() + 10
    while backend.wait is not None:
        assert backend.take() == b""
        assert time.monotonic() < deadline
    assert backend.open().device._commands["corrupt"] == 1


def test_a_terminal_is_the_users_own(serve):
    serving = serve(model, pty=True)
    assert os.stat(serving.server.path).st_mode & 0o777 == 0o600


def test_a_terminal_is_raw_for_whoever_opens_it(serve):
    """For programs that set nothing: no echo, no lines, no Ctrl-C."""
    serving = serve(model, pty=True)
    for _ in range(2):
        descriptor = os.open(serving.server.path, os.O_RDWR | os.O_NOCTTY)
        flags = termios.tcgetattr(descriptor)
        os.close(descriptor)
        assert not flags[3] & (termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
        assert not flags[0] & (termios.IXON | termios.ICRNL)
        assert not flags[1] & termios.OPOST


def test_a_terminal_that_is_closed_and_opened(serve):
    """Also in the middle of a capture without end; and bytes of the session before do not disturb."""
    serving = serve(model, pty=True)
    for seed in range(3):
        device = macropix.host.open(serving.url, seed=seed)
        assert len(list(device.capture(3))) == 3
        assert device.ledger().ok
        device.start(0)
        device.transport.close()
    eventually(lambda: len(serving.told("disconnected")) >= 1)


def test_a_terminal_has_one_owner(serve):
    serving = serve(model, pty=True)
    with (
        macropix.host.open(serving.url),
        pytest.raises(DeviceError, match=r"can't be opened: locked by another program \(another program has it"),
    ):
        macropix.host.open(serving.url)


def test_chained(serve):
    """A server of a server's device: what a gateway between two networks does."""
    far = serve(model)
    near = serve(lambda: TcpTransport(*far.server.address))
    with Device(TcpTransport(*near.server.address), timeout=10, seed=1) as device:
        assert device.transport.in_flight == 8
        list(device.capture(20))
        assert device.ledger().ok
