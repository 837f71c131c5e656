# SPDX-License-Identifier: BSD-2-Clause
"""From a URL to a transport, and from a URL's options to a configuration.

``model://?rows=16&lane=1`` ── parse ──► ParsedUrl ── entry point ``macropix.transports`` ──► Transport
"""

import dataclasses
import difflib
import enum
import importlib
import importlib.metadata
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from macropix.gateware.config import Config
from macropix.host.errors import UserError
from macropix.host.transport.base import Transport

__all__ = ["GROUP", "ParsedUrl", "config_from", "open_transport", "parse", "redacted", "schemes"]

#: entry points that bring a scheme: name → ``callable(parsed: ParsedUrl) -> Transport``
GROUP = "macropix.transports"
#: the extra of our own wheel that holds what a scheme needs
EXTRAS = {"rtl": "sim"}
#: schemes of the host's own
BUILT_IN = {
    "file": "macropix.host.transport.replay:open_file",
    "serial": "macropix.host.transport.serial:open_serial",
    "tcp": "macropix.host.transport.tcp:open_tcp",
}

#: short names of configuration fields in a URL
ALIASES = {
    "lane": "lane_bits",
    "fifo": "fifo_bytes",
    "clocks": "separate_clocks",
    "baud": "uart_baud",
    "clock": "clock_hz",
    "response": "response_table",
    "pedestal": "pedestal_map",
}
#: an option that is a secret, however it is written
_TOKEN = re.compile(r"(?i)(t|%74)(o|%6f)(k|%6b)(e|%65)(n|%6e)(=|%3d|$)")
_TRUE = ("1", "on", "yes", "true", "separate")
_FALSE = ("0", "off", "no", "false", "one")


@dataclasses.dataclass(frozen=True)
class ParsedUrl:
    """The parts of a URL.

    ``text`` is the URL as given, but for a token, which must not come to stand in files, reports and messages.
    ``host`` keeps what pyftdi's form puts there (``ftdi:232h``); ``port`` is None unless a number
    stands behind the last colon. ``path`` begins with a slash if there is a host.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    options: Mapping[str, str]
    text: str

    @property
    def file(self) -> str:
        """Host and path taken as one file name: ``file://run.h5`` and ``file:///data/run.h5`` both name what they seem to."""
        return self.host + self.path


def redacted(url: str) -> str:
    """`url` without its token."""
    head, mark, options = url.partition("?")
    kept = [option for option in options.split("&") if not _TOKEN.match(option)]
    return head + (mark if kept else "") + "&".join(kept)


def parse(url: str) -> ParsedUrl:
    """The parts of `url`. Raises UserError if it has no ``scheme://`` or an option twice."""
    scheme, mark, rest = url.partition("://")
    url = redacted(url)
    if not mark or not scheme.replace("+", "").replace("-", "").isalnum():
        raise UserError(f"{url!r} is not a URL", expected="scheme://…", hint=f"one of {', '.join(f'{s}://' for s in schemes())}")
    parts = urlsplit(f"//{rest}", allow_fragments=False)
    host, colon, number = parts.netloc.rpartition(":")
    port = None
    if colon and number.isdecimal() and (":" not in host or (host.startswith("[") and host.endswith("]"))):
        port = int(number)
    else:
        host = parts.netloc
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise UserError(f"option {name!r} stands twice in {url!r}")
        options[name] = value
    return ParsedUrl(scheme.lower(), unquote(host), port, unquote(parts.path), types.MappingProxyType(options), url)


def schemes() -> list[str]:
    """Every scheme this installation knows."""
    return sorted({*BUILT_IN, *(point.name for point in importlib.metadata.entry_points(group=GROUP))})


def open_transport(url: str) -> Transport:
    """The backend behind `url`, opened.

    Raises UserError if the scheme is unknown (the message names the known ones) or the package behind it is missing (the message
    names the pip extra); DeviceError if the device doesn't open.
    """
    parsed = parse(url)
    return _opener(parsed)(parsed)


def _opener(parsed: ParsedUrl) -> Callable[[ParsedUrl], Transport]:
    if parsed.scheme in BUILT_IN:
        module, _, name = BUILT_IN[parsed.scheme].partition(":")
        return getattr(importlib.import_module(module), name)
    points = importlib.metadata.entry_points(group=GROUP, name=parsed.scheme)
    if not points:
        known = ", ".join(f"{scheme}://" for scheme in schemes())
        close = difflib.get_close_matches(parsed.scheme, schemes(), 1)
        hint = f"did you mean {close[0]}://?" if close else None
        raise UserError(f"no backend for {parsed.scheme}://", expected=f"one of {known}", hint=hint)
    (point, *_) = points
    try:
        return point.load()
    except ImportError as error:
        extra = EXTRAS.get(parsed.scheme)
        raise UserError(
            f"{parsed.scheme}:// needs the package {error.name or str(error)!r}, which is not installed",
            hint=f"pip install 'macropix[{extra}]'" if extra else None,
        ) from error


def config_from(options: Mapping[str, str], *, also: Collection[str] = ()) -> Config:
    """The configuration that a URL's options describe; what is not named keeps its default.

    Parameters
    ----------
    options : mapping
        Field of `Config` (or its short name: ``lane=1``, ``fifo=4096``, ``clocks=separate``) → text. Booleans are on or off.
    also : collection of str
        Options of the backend itself: passed over here, and named when an unknown one is refused.

    Raises
    ------
    UserError
        For an unknown option (naming the known ones), and for a value that the configuration refuses.
    """
    kinds = typing.get_type_hints(Config)
    fields: dict[str, object] = {}
    for option, text in options.items():
        if option in also:
            continue
        name = ALIASES.get(option, option)
        if name not in kinds or not any(field.name == name for field in dataclasses.fields(Config)):
            known = sorted({*(field.name for field in dataclasses.fields(Config)), *ALIASES, *also})
            close = difflib.get_close_matches(option, known, 1)
            raise UserError(
                f"unknown option {option!r}",
                expected=f"one of {', '.join(known)}",
                hint=f"did you mean {close[0]}?" if close else None,
            )
        if name in fields:
            raise UserError(f"option {option!r} says {name} a second time")
        fields[name] = _value(option, kinds[name], text)
    try:
        return Config(**fields)  # pyright: ignore[reportArgumentType]
    except ValueError as error:
        raise UserError(str(error)) from error


def _value(option: str, kind: type, text: str) -> object:
    low = text.lower()
    if kind is bool:
        if low in _TRUE:
            return True
        if low in _FALSE:
            return False
        raise UserError(f"option {option!r} is on or off, not {text!r}")
    if issubclass(kind, enum.Enum):
        try:
            return kind(low)
        except ValueError:
            raise UserError(f"option {option!r} is one of {', '.join(str(one.value) for one in kind)}, not {text!r}") from None
    try:
        return int(text, 0)
    except ValueError:
        raise UserError(f"option {option!r} is a whole number, not {text!r}") from None
