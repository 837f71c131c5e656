# SPDX-License-Identifier: BSD-2-Clause
"""``macropix serve-device`` as a program: its first line, its end, a client that follows docs/serving.md and protocol.md alone."""

import binascii
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from macropix.host.cli.app import run
from macropix.host.store.hdf5 import CaptureFile

BIN = Path(sys.executable).parent / "macropix"
TOKEN = "a-secret-of-many-letters"


@contextlib.contextmanager
def program(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The running program and its first line; killed in the end if need be. Ctrl-C reaches it, whatever shell has started us."""
    with subprocess.Popen(
        [str(BIN), "serve-device", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            if process.poll() is None:
                process.kill()


def where(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def test_a_client_that_knows_the_documents_alone():
    """Claims the device, starts one raw shot of the PRBS scene, and takes packets by their length: sync, CRC-16, CRC-32, epochs, kinds."""

    def order(op: int, sequence: int, address: int = 0, words: tuple[int, ...] = ()) -> bytes:
        head = struct.pack("<BBHHHH", 0xC3, op, sequence, 0x1234, address, len(words))
        whole = head + struct.pack("<H", binascii.crc_hqx(head, 0xFFFF)) + struct.pack(f"<{len(words)}H", *words)
        return whole + struct.pack("<I", zlib.crc32(whole))

    with program("model://", "--listen", "127.0.0.1:0") as (_, url), socket.create_connection(where(url), timeout=60) as client:
        client.sendall(b"macropix 1\n")
        stream = client.makefile("rb")
        assert stream.readline().startswith(b"macropix 1 ok in_flight=")
        client.sendall(order(3, 1) + order(5, 2))
        kinds = []
        while kinds[-1:] != ["status"] or len(kinds) < 5:
            head = stream.read(20)
            assert head[0] == 0xA5
            assert struct.unpack("<H", head[18:])[0] == binascii.crc_hqx(head[:18], 0xFFFF)
            length = struct.unpack("<H", head[2:4])[0] & 0xFFF
            rest = stream.read(length + 4)
            assert struct.unpack("<I", rest[-4:])[0] == zlib.crc32(head + rest[:-4])
            assert struct.unpack("<H", head[6:8])[0] == 0x1234
            kinds.append(("data", "status", "reply")[head[1] & 3])
        # the claim's reply and status, the start's reply, 784 pixels in one slice, the status behind the run
        assert kinds == ["reply", "status", "reply", "data", "status"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
@pytest.mark.parametrize("busy", [False, True])
def test_its_end(number, status, busy):
    with program("model://", "--listen", "127.0.0.1:0", "--json") as (process, line):
        told = json.loads(line)
        assert (told["event"], told["device"]) == ("serving", "model://")
        with socket.create_connection(where(told["url"]), timeout=60) as client:
            if busy:
                client.sendall(b"macropix 1\n")
                assert client.recv(100)
            process.send_signal(number)
            if busy:
                assert client.recv(100) == b"\nmacropix 1 end the server was stopped\n"
                client.close()
            out, err = process.communicate(timeout=90)
        assert process.returncode == status, err
        events = [json.loads(text) for text in out.splitlines()]
        assert "stopped" in [event.get("event") for event in events]
        assert "Traceback" not in err
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where(told["url"]), timeout=60)


def test_a_terminal_ends_too():
    with program("model://", "--pty") as (process, url):
        path = Path(url.removeprefix("serial://"))
        assert path.exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 130
        assert not path.exists()


def test_the_token_comes_from_the_environment_and_is_told_nowhere(tmp_path, capsys, monkeypatch):
    with program("model://", "--listen", "0.0.0.0:0", MACROPIX_TOKEN=TOKEN) as (process, url):
        port = where(url)[1]
        out = tmp_path / "a.h5"
        capture = ["capture", "--url", f"tcp://127.0.0.1:{port}", "-o", str(out)]
        assert run(capture) == 4
        assert "a token is needed (put the server's token into MACROPIX_TOKEN)" in capsys.readouterr().err
        capture[2] += f"?token={TOKEN}"
        assert run([*capture, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["url"] == f"tcp://127.0.0.1:{port}"
        for command in (["info", "--url", capture[2]], ["verify", "--url", capture[2], "--frames", "1"]):
            assert run([*command, "--json"]) == 0
            assert TOKEN not in "".join(capsys.readouterr())
        monkeypatch.setenv("MACROPIX_TOKEN", TOKEN)
        assert run(["capture", "--like", str(out), "-o", str(tmp_path / "b.h5"), "--json"]) == 0
        process.terminate()
        assert TOKEN not in "".join(process.communicate(timeout=90))
    assert TOKEN.encode() not in out.read_bytes()


@pytest.mark.parametrize("how", [("--listen", "127.0.0.1:0"), ("--pty",)], ids=["tcp", "pty"])
def test_a_server_that_is_killed_in_the_middle(tmp_path, how):
    """The capture ends with exit status 4, one line, and a file of what came."""
    with program("model://", *how) as (process, url):
        command = [str(BIN), "capture", "--url", url, "--frames", "100000", "-o", str(tmp_path / "cut.h5")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            until = time.monotonic() + 60
            while not any(path.stat().st_size > 200_000 for path in tmp_path.iterdir()):
                assert time.monotonic() < until, "nothing was recorded within 60 s"
                time.sleep(0.05)
            process.kill()
            _, err = client.communicate(timeout=60)
        assert client.returncode == 4, err
        assert err.count("\n") == 1
        assert err.startswith(f"error: {url} ")
    with CaptureFile(tmp_path / "cut.h5") as file:
        assert not file.complete
        assert len(file) > 10
        assert [frame.shot for frame in file] == list(range(len(file)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("model://", "--listen", "0.0.0.0:0"),
            "0.0.0.0 can be reached from other machines: without a token anybody could control the device",
        ),
        (("model://", "--listen", "0.0.0.0:0", "--token", "short"), "that can't be a token; expected 16 to 128"),
        (("model://", "--listen", "7210"), "not an address to listen on; expected HOST:PORT"),
        (("model://", "--listen", "127.0.0.1:99999"), "not an address to listen on"),
        (("model://", "--listen", "no.such.host.invalid:0"), "there is no address 'no.such.host.invalid' to listen on"),
        (("model://", "--pty", "--listen", "127.0.0.1:0"), "a pseudo-terminal has no address and no token"),
        (
            ("nothing://", "--listen", "127.0.0.1:0"),
            "no backend for nothing://; expected one of file://, model://, rtl://, serial://, tcp://",
        ),
        (("model://?rows=3", "--pty"), "rows must be an integer from 8 to 2048"),
    ],
)
def test_what_is_refused(capsys, monkeypatch, arguments, words):
    monkeypatch.delenv("MACROPIX_TOKEN", raising=False)
    assert run(["serve-device", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


def test_a_device_that_does_not_open(capsys):
    assert run(["serve-device", "serial:///dev/ttyUSB77", "--listen", "127.0.0.1:0"]) == 4
    assert "No such file or directory (is it plugged in?" in capsys.readouterr().err
