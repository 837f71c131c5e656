# SPDX-License-Identifier: BSD-2-Clause
"""The client of a served device against servers written by hand from docs/serving.md, good ones and bad ones."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from macropix.gateware.config import Config
from macropix.host.device import Device
from macropix.host.errors import DeviceError, UserError
from macropix.host.transport import tcp
from macropix.host.transport.hello import Answer, Hello, end_line, last_words, printable
from macropix.host.transport.tcp import TcpTransport
from macropix.host.transport.url import open_transport, parse
from macropix.sim.golden.device import GoldenDevice


@contextlib.contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[tuple[str, int]]:
    """One connection, with which `talk` does what it likes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def run() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    talk(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
        assert not thread.is_alive()


def line_of(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    return line


def test_against_a_server_of_a_few_lines():
    """The golden device behind accept, one line, and bytes."""
    heard = []

    def talk(connection: socket.socket) -> None:
        heard.append(line_of(connection))
        connection.sendall(b"macropix 1 ok in_flight=4 colour=red device=golden%20one\n")
        device = GoldenDevice(Config(rows=12, cols=12))
        while data := connection.recv(4096):
            device.feed(data)
            while out := device.take():
                connection.sendall(out)

    with server(talk) as (host, port), Device(TcpTransport(host, port), timeout=10, seed=1) as device:
        assert device.transport.in_flight == 4
        assert device.transport.facts["served_device"] == "golden one"
        assert device.transport.config is None
        assert [frame.pixels for frame in device.capture(3)] == [64] * 3
        assert device.ledger().ok
    assert heard == [b"macropix 1\n"]


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (b"macropix 1 busy controlled by somebody\n", r"busy: controlled by somebody \(one controller"),
        (b"macropix 1 refused wrong token\n", r"refused: wrong token \(put the server's token into MACROPIX_TOKEN\)"),
        (b"macropix 1 failed \x1b[2Jno such\x07 device\r\n", r"failed: \?\[2Jno such\? device$"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no macropix server; expected a line 'macropix 1 ok …', found 'SSH-2.0-OpenSSH_9.2"),
        (b"x" * 100_000, "is no macropix server"),
        (b"", "is no macropix server; expected .* found a closed connection"),
        (b"macropix 1 ok", "is no macropix server"),
        (b"macropix 1 ok in_flight=99999999999 \xff\xff\n\xa5", None),
    ],
)
def test_whatever_a_server_says_first(says, message):
    def talk(connection: socket.socket) -> None:
        line_of(connection)
        connection.sendall(says)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass

    with server(talk) as (host, port):
        if message is None:
            with TcpTransport(host, port) as transport:
                assert transport.in_flight == 1
                assert transport.read(1) == b"\xa5"
            return
        with pytest.raises(DeviceError, match=rf"tcp://127\.0\.0\.1:{port}.*{message}") as caught:
            TcpTransport(host, port)
        assert str(caught.value).isprintable()


def test_a_server_that_says_nothing_is_waited_for_in_vain():
    ended = threading.Event()
    with server(lambda _: ended.wait(10) and None) as (host, port):
        with pytest.raises(DeviceError, match=r"has not answered within 0\.3 s: waited for a line that begins 'macropix 1'"):
            TcpTransport(host, port, connect=0.3)
        ended.set()


def test_a_line_that_trickles_is_not_waited_for_for_ever():
    def talk(connection: socket.socket) -> None:
        for _ in range(100):
            connection.sendall(b"m")
            time.sleep(0.05)

    with server(talk) as (host, port), pytest.raises(DeviceError, match=r"has not answered within 0\.5 s"):
        TcpTransport(host, port, connect=0.5)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (b"", "it closed the connection without a word"),
        (b"\nmacropix 1 end the server was stopped\n", "the server was stopped"),
        (b"\xa5 bytes of a packet\nmacropix 1 end \x1b[31mred\n", r"\?\[31mred"),
        (b"\nmacropix 1 end too early\n\xa5", "it closed the connection without a word"),
    ],
)
def test_the_end_is_told_with_its_reason(last, message):
    def talk(connection: socket.socket) -> None:
        line_of(connection)
        connection.sendall(b"macropix 1 ok\n" + b"\xa5" * 5000)
        for at in range(len(last)):
            connection.sendall(last[at : at + 1])

    with server(talk) as (host, port), TcpTransport(host, port) as transport:
        come = b""
        with pytest.raises(DeviceError, match=rf"tcp://127\.0\.0\.1:{port} has ended the connection: {message} \(open it again"):
            while True:
                come += transport.read(10)
        assert come == b"\xa5" * 5000 + last
        for again in (lambda: transport.read(1), lambda: transport.write(b"x")):
            with pytest.raises(DeviceError, match=message):
                again()


def test_a_write_behind_the_end_tells_its_reason_too():
    gone = threading.Event()

    def talk(connection: socket.socket) -> None:
        line_of(connection)
        connection.sendall(b"macropix 1 ok\n\xa5\nmacropix 1 end unplugged\n")
        connection.close()
        gone.set()

    with server(talk) as (host, port), TcpTransport(host, port) as transport:
        gone.wait(10)
        with pytest.raises(DeviceError, match="has ended the connection: unplugged"):
            for _ in range(100):
                transport.write(b"x" * 1000)
                time.sleep(0.01)
        assert transport.read(0).startswith(b"\xa5\n")  # nothing that came is lost


def test_writes_in_parts_and_what_comes_meanwhile_is_kept():
    """Neither side reads until the pipes are full: the client must read to be heard."""
    sent, come = bytes(range(256)) * 80_000, bytearray()

    def talk(connection: socket.socket) -> None:
        line_of(connection)
        connection.sendall(b"macropix 1 ok\n" + sent)
        while len(come) < len(sent):
            come.extend(connection.recv(1 << 16))

    with server(talk) as (host, port), TcpTransport(host, port) as transport:
        transport.write(sent)
        got = b""
        while len(got) < len(sent):
            got += transport.read(10)
    assert got == sent
    assert come == sent


def test_a_server_that_takes_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(tcp, "STALL", 0.3)
    ended = threading.Event()

    def talk(connection: socket.socket) -> None:
        line_of(connection)
        connection.sendall(b"macropix 1 ok\n")
        ended.wait(10)

    with server(talk) as (host, port), TcpTransport(host, port) as transport:
        with pytest.raises(DeviceError, match=r"takes no commands: waited 0\.3 s to send"):
            transport.write(bytes(50_000_000))
        ended.set()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("tcp://", "names no server"),
        ("tcp:///dev/null", "names no server"),
        ("tcp://a:0", "no such port"),
        ("tcp://a:70000", "no such port"),
        ("tcp://a?rows=8", "unknown option 'rows' of tcp://"),
        ("tcp://a?token=short", "can't be a token"),
    ],
)
def test_urls_that_are_none(url, message):
    with pytest.raises(UserError, match=message) as caught:
        open_transport(url)
    assert "short" not in str(caught.value)


def test_an_address_of_the_sixth_version():
    parsed = parse("tcp://[::1]:7210?token=0123456789abcdef&x=1")
    assert (parsed.host, parsed.port, parsed.text) == ("[::1]", 7210, "tcp://[::1]:7210?x=1")


@pytest.mark.parametrize(
    "url", ["tcp://h?token=S", "tcp://h?%74oken=S", "tcp://h?x=1&token=S&y=2", "tcp://h?TOKEN=S", "tcp://h?token=S&token=T"]
)
def test_a_token_stands_in_no_text(url):
    try:
        text = parse(url).text
    except UserError as error:
        text = str(error)
    assert "S" not in text.replace("TOKEN", "")


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=r"can't be reached within 10 s: Connection refused \(is macropix serve-device running there"):
        open_transport(f"tcp://127.0.0.1:{port}")


def test_lines_are_as_documented():
    assert Hello(token="0123456789abcdef").line == b"macropix 1 token=0123456789abcdef\n"
    assert Hello.parse(b"macropix 1 token=0123456789abcdef who=me") == Hello(1, "0123456789abcdef")
    assert Hello.parse(b"macropix 1  two blanks") is None
    assert Answer("ok", in_flight=8, device="rtl://?rows=8&cols=9").line == b"macropix 1 ok in_flight=8 device=rtl://?rows=8&cols=9\n"
    assert Answer.parse(Answer("ok", in_flight=8, device="file://ä b").line[:-1]) == Answer("ok", in_flight=8, device="file://ä b")
    assert end_line("two\nlines") == b"\nmacropix 1 end two?lines\n"
    assert last_words(end_line("why")) == "why"
    assert printable(b"\xff\x00a" * 1000).count("?") < 300
