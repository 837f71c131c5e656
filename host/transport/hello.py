# SPDX-License-Identifier: BSD-2-Clause
"""The lines that client and server of a served device say to each other before the device's bytes, and at their end.

client ── ``macropix 1 token=…`` ──►  ◄── ``macropix 1 ok in_flight=8 device=…`` ── server     then bytes, as they are, both ways
                                      ◄── ``macropix 1 refused|busy|failed WORDS`` ──          and the connection is closed
                                      ◄── bytes … ``macropix 1 end WORDS`` ──                  the last line of a server that ends it

The protocol stands in docs/serving.md. Nothing that arrives is executed; what is shown of it is made printable first.
"""

import dataclasses
import hmac
import re
from urllib.parse import quote, unquote

from macropix.host.errors import UserError

__all__ = [
    "DEFAULT_PORT",
    "LINE_BYTES",
    "TOKEN_VARIABLE",
    "VERSION",
    "Answer",
    "Hello",
    "check_token",
    "end_line",
    "last_words",
    "printable",
]

#: of these lines, not of the packets behind them
VERSION = 1
DEFAULT_PORT = 7210
#: most bytes of a line, its end included
LINE_BYTES = 512
#: environment variable that holds the token
TOKEN_VARIABLE = "MACROPIX_TOKEN"
#: fewer characters could be guessed
TOKEN_CHARACTERS = 16

_END = re.compile(rb"\nmacropix \d+ end ([^\n]*)\n\Z")


def printable(text: bytes | str, most: int = 300) -> str:
    """What came from the other side as one line that does a terminal no harm."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return "".join(one if one.isprintable() else "?" for one in words[:most]).strip()


def check_token(token: str) -> str:
    """The token, if it can be one. Raises UserError, which does not show it."""
    if not re.fullmatch(rf"[!-~]{{{TOKEN_CHARACTERS},128}}", token):
        raise UserError(
            "that can't be a token",
            expected=f"{TOKEN_CHARACTERS} to 128 printable ASCII characters, no blanks",
            found=f"{len(token)} characters",
            hint="python -c 'import secrets; print(secrets.token_urlsafe())' makes one",
        )
    return token


def _fields(text: str) -> dict[str, str]:
    """Words ``name=value`` by name."""
    return {name: value for name, _, value in (word.partition("=") for word in text.split())}


@dataclasses.dataclass(frozen=True)
class Hello:
    """What a client says first."""

    version: int = VERSION
    token: str = ""

    @property
    def line(self) -> bytes:
        """As it is sent."""
        return f"macropix {self.version}{f' token={self.token}' if self.token else ''}\n".encode("ascii")

    @classmethod
    def parse(cls, line: bytes) -> "Hello | None":
        """The hello in a line without its end; None if it is none. Fields that are not known are passed over."""
        match = re.fullmatch(rb"macropix (\d{1,4})((?: [!-~]+)*)\r?", line)
        if match is None:
            return None
        fields = _fields(match[2].decode("ascii"))
        return cls(int(match[1]), fields.get("token", ""))

    def knows(self, token: str) -> bool:
        """Whether its token is `token`, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(self.token.encode(), token.encode())


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a server says to a hello.

    Parameters
    ----------
    verdict : str
        ``ok``, or why the connection is closed: ``refused``, ``busy``, ``failed``.
    words : str
        For a person, behind any verdict but ok.
    in_flight : int
        Window commands the device behind it takes at once.
    device : str
        Its URL.
    """

    verdict: str
    words: str = ""
    in_flight: int = 1
    device: str = ""

    @property
    def line(self) -> bytes:
        """As it is sent."""
        if self.verdict == "ok":
            return f"macropix {VERSION} ok in_flight={self.in_flight} device={quote(self.device, safe=':/?=&,.')[:400]}\n".encode("ascii")
        return f"macropix {VERSION} {self.verdict} {printable(self.words)}\n".encode()

    @classmethod
    def parse(cls, line: bytes) -> "Answer | None":
        """The answer in a line without its end; None if it is none."""
        match = re.fullmatch(rb"macropix \d{1,4} (ok|refused|busy|failed)(?: (.*?))?\r?", line)
        if match is None:
            return None
        verdict, rest = match[1].decode(), match[2] or b""
        if verdict != "ok":
            return cls(verdict, printable(rest))
        fields = _fields(rest.decode("ascii", "replace"))
        number = fields.get("in_flight", "1")
        in_flight = int(number) if re.fullmatch(r"[0-9]{1,3}", number) else 1
        return cls("ok", "", min(max(in_flight, 1), 64), printable(unquote(fields.get("device", ""))))


def end_line(words: str) -> bytes:
    """What a server sends last, behind the bytes of the device, when it is the one that ends it."""
    return f"\nmacropix {VERSION} end {printable(words)}\n".encode()


def last_words(tail: bytes) -> str | None:
    """Why the server has ended it, from the last bytes that came; None if it hasn't said."""
    match = _END.search(tail[-LINE_BYTES:])
    return None if match is None else printable(match[1])
