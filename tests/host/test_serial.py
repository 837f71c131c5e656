# SPDX-License-Identifier: BSD-2-Clause
"""``serial://`` on pseudo-terminals made by hand: raw bytes both ways, locks, and what a person is told when it fails."""

import fcntl
import os
import pty
import select
import stat
import termios
import threading
from collections.abc import Callable

import pytest

import macropix.host
from macropix.gateware.config import Config
from macropix.gateware.wire import Op
from macropix.host.cli.app import run
from macropix.host.device import Device
from macropix.host.errors import DataLostError, DeviceError, UserError
from macropix.host.store.hdf5 import CaptureFile
from macropix.host.transport import serial as serial_module
from macropix.host.transport.serial import SerialTransport
from macropix.host.transport.url import open_transport
from macropix.sim.golden.device import GoldenDevice
from macropix.sim.golden.packets import command


class Uart:
    """A golden device behind a pseudo-terminal, as a UART has it: it sends whether anybody reads or not, and what finds no room is lost."""

    def __init__(self, config: Config):
        self.device = GoldenDevice(config)
        self.master, slave = pty.openpty()
        self.path = os.ttyname(slave)
        self.slave = slave
        os.set_blocking(self.master, False)
        self.lost = 0
        #: of the running numbers of the pieces sent, those that get lost
        self.drop: set[int] = set()
        self._pieces = 0
        #: called between two turns
        self.between: Callable[[], None] = lambda: None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"serial://{self.path}"

    def _run(self) -> None:
        while not self._ended.is_set():
            self.between()
            if select.select([self.master], [], [], 0.0 if self.device.running else 0.01)[0]:
                self.device.feed(os.read(self.master, 4096))
            data = self.device.take()
            self._pieces += bool(data)
            if data and self._pieces in self.drop:
                data = b""
            while data:
                try:
                    data = data[os.write(self.master, data) :]
                except BlockingIOError:
                    if select.select([], [self.master], [], 0.02)[1]:
                        continue
                    self.lost += len(data)
                    break

    def unplug(self) -> None:
        """Ends it. Once."""
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join(10)
            os.close(self.master)
            os.close(self.slave)


@pytest.fixture
def uart():
    made = Uart(Config(rows=40, cols=40))
    yield made
    made.unplug()


def test_every_byte_goes_through_both_ways(uart):
    """Also those that a terminal takes for Ctrl-C, Ctrl-D, flow control, the end of a line."""
    uart.between = lambda: None
    uart.unplug()
    master, slave = pty.openpty()
    try:
        with SerialTransport(os.ttyname(slave)) as transport:
            every = bytes(range(256))
            transport.write(every)
            assert os.read(master, 1000) == every
            os.write(master, every)
            come = b""
            while len(come) < 256:
                come += transport.read(5)
            assert come == every
            assert transport.read(0) == transport.read(0.01) == b""
            flags = termios.tcgetattr(slave)
            assert flags[2] & termios.CSIZE == termios.CS8
            assert not flags[2] & (termios.PARENB | termios.CSTOPB)
    finally:
        os.close(master)
        os.close(slave)


def test_frames_and_a_second_open(uart):
    for seed in range(2):
        with macropix.host.open(uart.url, seed=seed) as device:
            frames = list(device.capture(5))
            assert len(frames) == 5
            assert device.ledger().ok
            assert device.transport.in_flight == 1


def test_a_slow_reader_of_a_uart_loses_and_the_ledger_says_what(uart):
    """The device does not wait. What was lost is counted to the slice, and the pictures that came are whole."""
    with macropix.host.open(uart.url, seed=1) as device:
        stalled = threading.Event()
        got = 0
        for _ in device.capture(200):
            got += 1
            if got in (20, 60):
                stalled.wait(0.3)
        ledger = device.ledger()
        assert uart.lost > 0
        assert ledger.balanced
        assert ledger.frames == got < 200
        assert ledger.frames_lost == 200 - got
        assert 0 < ledger.lost == ledger.sent - ledger.received
        with pytest.raises(DataLostError, match=r"data was lost: \d+ slices lost on the link, \d+ of 200 frames not delivered"):
            ledger.check()
        device.claim()
        list(device.capture(1))
        assert device.ledger().ok


def test_a_loss_on_the_way_ends_the_command_with_5_and_a_file(uart, tmp_path, capsys):
    """Three shots of a capture of forty."""
    uart.drop = {70, 71, 80}
    command = ["capture", "--url", uart.url, "--frames", "100", "--threshold", "8", "-o", str(tmp_path / "run.h5")]
    assert run(command) == 5
    assert "data was lost: 6 slices lost on the link, 3 of 100 frames not delivered" in capsys.readouterr().err
    with CaptureFile(tmp_path / "run.h5") as file:
        assert len(file) == 97
        assert not file.complete


def test_reset_in_the_middle(uart):
    with macropix.host.open(uart.url, seed=1) as device:

        def reset() -> None:
            uart.between = lambda: None
            uart.device = GoldenDevice(uart.device.config)
            uart.device.idle(1 << 18)

        with pytest.raises(DeviceError, match=r"serial:///dev/pts/\d+ was reset: it has forgotten its claim and its settings"):
            for number, _ in enumerate(device.capture(0)):
                if number == 5:
                    uart.between = reset
    with macropix.host.open(uart.url) as device:
        list(device.capture(2))
        assert device.ledger().ok


def test_another_host_claims(uart):
    """One that does not ask for the lock."""
    with macropix.host.open(uart.url, seed=1) as device:
        other = device.epoch ^ 1
        with pytest.raises(DeviceError, match=rf"another host has claimed serial:///.*; expected epoch {device.epoch}, found {other}"):
            for number, _ in enumerate(device.capture(0)):
                if number == 5:
                    intruder = os.open(uart.path, os.O_WRONLY | os.O_NOCTTY)
                    os.write(intruder, command(Op.CLAIM, 1, other))
                    os.close(intruder)
        device.claim()  # taken back at once
        list(device.capture(2))
        assert device.ledger().ok


def test_unplugged_in_the_middle(uart):
    device = macropix.host.open(uart.url, seed=1)
    with pytest.raises(DeviceError, match=r"serial:///dev/pts/\d+ is gone: .* \(unplugged.*open it again\)"):
        for number, _ in enumerate(device.capture(0)):
            if number == 5:
                uart.unplug()
    device.close()


def test_bytes_left_in_the_pipe(uart):
    """The end of a packet, and whole ones of an older epoch."""
    with macropix.host.open(uart.url, seed=1) as device:
        device.start(0)
        device.transport.close()
    with macropix.host.open(uart.url, seed=2) as device:
        list(device.capture(3))
        assert device.ledger().ok


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dev/ttyUSB77", r"serial:///dev/ttyUSB77 can't be opened: No such file or directory \(is it plugged in\?"),
        ("/dev/null", r"serial:///dev/null can't be opened: Inappropriate ioctl for device \(that is no serial port\)"),
        ("/tmp", r"serial:///tmp can't be opened: Is a directory"),
    ],
)
def test_what_does_not_open(path, message):
    with pytest.raises(DeviceError, match=message):
        open_transport(f"serial://{path}")


def test_not_permitted(monkeypatch):
    """Root may everything: the system's refusal is put in by hand."""
    real = os.open

    def refuse(path, *rest, **words):
        if path == "/dev/ttyUSB0":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest, **words)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceError, match=r"can't be opened: Permission denied \(you may not: .*usermod -aG dialout \$USER"):
        open_transport("serial:///dev/ttyUSB0")


def test_locked_by_another(uart):
    fcntl.flock(uart.slave, fcntl.LOCK_EX)
    with pytest.raises(DeviceError, match=r"locked by another program \(another program has it: close that one first\)"):
        open_transport(uart.url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("serial:///dev/ttyUSB0?baud=fast", "option 'baud' is a number of bits a second, not 'fast'"),
        ("serial:///dev/ttyUSB0?rows=3", "unknown option 'rows' of serial://"),
        ("serial://ttyUSB0", "names no serial port; expected serial:///dev/ttyUSB0"),
    ],
)
def test_urls_that_are_none(url, message):
    with pytest.raises(UserError, match=message):
        open_transport(url)


def test_a_port_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(serial_module, "STALL", 0.2)
    master, slave = pty.openpty()
    try:
        assert stat.S_ISCHR(os.fstat(slave).st_mode)
        with (
            SerialTransport(os.ttyname(slave)) as transport,
            pytest.raises(DeviceError, match=r"takes no bytes: waited 0\.2 s to send \d+"),
        ):
            transport.write(bytes(1_000_000))
    finally:
        os.close(master)
        os.close(slave)


def test_a_closed_port_says_so(uart):
    transport = SerialTransport(uart.path)
    transport.close()
    transport.close()
    with pytest.raises(DeviceError, match="is closed"):
        transport.read(1)
    with pytest.raises(DeviceError, match="is closed"):
        Device(transport)
