# SPDX-License-Identifier: BSD-2-Clause
"""One error root, few children. The library raises; the command line maps ``exit_status`` and prints.

MacropixError ─┬─ UserError (2)   DeviceError (4)   DataLostError (5)   MismatchError (6)   InterruptedRunError (130)
"""

__all__ = ["DataLostError", "DeviceError", "InterruptedRunError", "MacropixError", "MismatchError", "UserError"]


class MacropixError(Exception):
    """Root of every error macropix raises on purpose.

    Parameters
    ----------
    message : str
        One line: what went wrong.
    expected, found : str, optional
        What was expected, and what was there instead.
    hint : str, optional
        What a person can do about it.
    """

    kind = "internal"
    exit_status = 1

    def __init__(self, message: str, *, expected: str | None = None, found: str | None = None, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.found = found
        self.hint = hint

    def __str__(self) -> str:
        text = self.message
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.found is not None:
            text += f", found {self.found}"
        if self.hint is not None:
            text += f" ({self.hint})"
        return text

    def to_dict(self) -> dict[str, object]:
        """The error as an object for ``--json``."""
        return {
            "kind": self.kind,
            "message": self.message,
            "expected": self.expected,
            "found": self.found,
            "hint": self.hint,
        }


class UserError(MacropixError):
    """The user's mistake: a value, a file or a URL that cannot be used."""

    kind = "user"
    exit_status = 2


class DeviceError(MacropixError):
    """Device or link: no answer, a refusal, an incompatible version."""

    kind = "device"
    exit_status = 4


class DataLostError(MacropixError):
    """Something was lost between photocurrent and picture."""

    kind = "data_lost"
    exit_status = 5


class MismatchError(MacropixError):
    """What came is not what the golden model computes."""

    kind = "mismatch"
    exit_status = 6


class InterruptedRunError(MacropixError):
    """A run that somebody ended by Ctrl-C, or a signal, and whose file was closed in order.

    Parameters
    ----------
    message : str
    told : dict
        What became of it, for ``--json``: file, frames, ledger.
    number : int
        The signal.
    """

    kind = "interrupted"

    def __init__(self, message: str, *, told: dict[str, object], number: int = 2):
        super().__init__(message)
        self.told = told
        self.exit_status = 128 + number

    def to_dict(self) -> dict[str, object]:
        """The error and what became of the run."""
        return {**super().to_dict(), **self.told}
