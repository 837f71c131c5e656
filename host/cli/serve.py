# SPDX-License-Identifier: BSD-2-Clause
"""``macropix serve-device``: a device for others, over TCP or as a pseudo-terminal."""

import signal
from typing import Annotated, Any

import typer

EXAMPLES = (
    "Examples: macropix serve-device serial:///dev/ttyUSB0   ·   macropix serve-device rtl:// --listen 127.0.0.1:0 --json   ·   "
    "MACROPIX_TOKEN=… macropix serve-device serial:///dev/ttyUSB0 --listen 0.0.0.0:7210   ·   macropix serve-device model:// --pty"
)


def serve_device(
    url: Annotated[str, typer.Argument(metavar="URL", help="The device: serial:///dev/ttyUSB0, model://, rtl://, …", show_default=False)],
    pty: Annotated[bool, typer.Option("--pty", help="As a serial port of this machine, a pseudo-terminal, not over TCP.")] = False,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0: any free one. [127.0.0.1:7210]")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", metavar="SECRET", help="What clients must know. Better MACROPIX_TOKEN in the environment, which ps does not show."
        ),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Events on standard output, one JSON object a line.")] = False,
) -> int:
    """Serve a device to one controller at a time, until Ctrl-C. The URL to open it by is the first line of standard output.

    Addresses of this machine alone need no token; any other needs one. Token and pictures go over the network in clear: where it is not to
    be trusted, listen on 127.0.0.1 and come through ssh -L.
    """
    import os

    from macropix.host.errors import UserError
    from macropix.host.serve.server import Server
    from macropix.host.serve.terminal import Terminal
    from macropix.host.transport.hello import DEFAULT_PORT, TOKEN_VARIABLE, check_token
    from macropix.host.transport.url import open_transport, parse

    tell = _Teller(json_output)
    device = parse(url).text
    if pty:
        if listen is not None or token is not None:
            raise UserError("a pseudo-terminal has no address and no token", expected="--pty, or --listen and --token")
        server: Any = Terminal(lambda: open_transport(url), event=tell)
    else:
        host, port = _address(listen or f"127.0.0.1:{DEFAULT_PORT}")
        secret = token if token is not None else os.environ.get(TOKEN_VARIABLE, "")
        if token is not None:
            check_token(token)
        server = Server(lambda: open_transport(url), host, port, token=secret, device=device, event=tell)
    with server.signals():
        tell.serving(server.url, device)
        number = server.run()
    tell("stopped", signal=signal.Signals(number).name if number else None)
    return 130 if number == signal.SIGINT else 0


def _address(text: str) -> tuple[str, int]:
    """HOST and PORT; the port alone, or ``[::1]:7210``."""
    from macropix.host.errors import UserError

    host, colon, number = text.rpartition(":")
    if not colon or not number.isdecimal() or int(number) >= 1 << 16 or (":" in host and not host.startswith("[")):
        raise UserError("not an address to listen on", expected="HOST:PORT, such as 127.0.0.1:7210 or [::1]:7210", found=repr(text))
    return host.removeprefix("[").removesuffix("]"), int(number)


class _Teller:
    """Events: a JSON object a line, or a line a person reads on standard error."""

    def __init__(self, as_json: bool):
        self._as_json = as_json

    def serving(self, url: str, device: str) -> None:
        """The first line."""
        if self._as_json:
            self("serving", url=url, device=device)
        else:
            print(url, flush=True)

    def __call__(self, event: str, **facts: Any) -> None:
        import datetime
        import json
        import sys

        now = datetime.datetime.now().astimezone()
        if self._as_json:
            print(json.dumps({"event": event, "time": now.isoformat(timespec="milliseconds")} | facts), flush=True)
            return
        words = [str(facts[name]) for name in ("peer", "message") if facts.get(name)]
        print(f"{now:%H:%M:%S} {event.replace('_', ' ')} {': '.join(words)}".rstrip(), file=sys.stderr, flush=True)
