# SPDX-License-Identifier: BSD-2-Clause
"""All commands in one program, and how it ends: whatever happens, one line and an exit status.

arguments ──► command ──► 0 fine   1 our fault   2 the user's mistake   4 device   5 data lost   6 mismatch   130 interrupted
"""

import errno
import json
import os
import sys
from typing import Annotated, Any

import typer

from macropix.host.cli import bench, capture, decode, demo, info, kernel, verify
from macropix.host.errors import InterruptedRunError, MacropixError

__all__ = ["app", "run"]

app = typer.Typer(
    name="macropix",
    help="Open readout of an X-ray detector that computes while it senses.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=info.EXAMPLES)(info.info)
app.command(epilog=capture.EXAMPLES)(capture.capture)
app.command(epilog=decode.EXAMPLES)(decode.decode)
app.command(epilog=verify.EXAMPLES)(verify.verify)
app.add_typer(bench.app, name="bench", epilog=bench.EXAMPLES)
app.add_typer(kernel.app, name="kernel", epilog=kernel.EXAMPLES)

_INTERRUPTED = 130
#: the root of typer's usage errors, wherever its version keeps it
_UsageError = typer.BadParameter.__mro__[1]
_ClickException = typer.BadParameter.__mro__[2]


def _version(wanted: bool) -> None:
    if not wanted:
        return
    from macropix.host.cli.versions import versions

    told = versions()
    if "--json" in sys.argv:
        print(json.dumps(told))
    else:
        print("\n".join(f"{name} {value}" for name, value in told.items()))
    raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Versions of host, protocol and file format.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="With --version: one JSON object.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """Runs one command. The exit status."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    as_json = "--json" in arguments
    try:
        status = _status(app(arguments, standalone_mode=False))
        if status == _INTERRUPTED:  # newer typers give this back, older ones raise
            raise KeyboardInterrupt
        return status
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort) as error:
        if isinstance(error.__cause__, EOFError):  # typer takes any for an interruption
            if debug:
                raise
            return _unexpected(as_json, error.__cause__)
        return _interrupted(as_json)
    except InterruptedRunError as error:
        return _fail(as_json, error.exit_status, error.to_dict(), str(error))
    except MacropixError as error:
        if debug:
            raise
        return _fail(as_json, error.exit_status, error.to_dict(), f"error: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if _behind_an_interrupt(error):
            return _interrupted(as_json)
        if isinstance(error, _UsageError):
            return _usage(as_json, error)
        if isinstance(error, _ClickException):
            return _fail(as_json, 2, _user(str(error)), f"error: {_line(error)}")
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            told = _user(f"no room on the disk: {error.strerror}", "free some space")
            return _fail(as_json, 2, told, f"error: {told['message']} ({told['hint']})")
        return _unexpected(as_json, error)


def _interrupted(as_json: bool) -> int:
    return _fail(as_json, _INTERRUPTED, {"kind": "interrupted", "message": "interrupted"}, "interrupted")


def _behind_an_interrupt(error: BaseException | None) -> bool:
    """Whether something broke only because a second Ctrl-C came while the first was being obeyed."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _status(result: Any) -> int:
    return result if isinstance(result, int) else 0


def _usage(as_json: bool, error: Any) -> int:
    message = error.format_message().strip()
    if type(error).__name__ == "NoArgsIsHelpError":  # the help text has been the answer
        return 2
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context is not None else "macropix --help"
    return _fail(as_json, 2, _user(message, hint), f"error: {' '.join(message.split())} ({hint})")


def _user(message: str, hint: str | None = None) -> dict[str, str | None]:
    return {"kind": "user", "message": " ".join(message.split()), "expected": None, "found": None, "hint": hint}


def _unexpected(as_json: bool, error: Exception) -> int:
    hint = "run it again with --debug and report what it shows"
    message = f"unexpected {type(error).__name__}: {_line(error)}"
    told = {"kind": "internal", "message": message, "expected": None, "found": None, "hint": hint}
    return _fail(as_json, 1, told, f"error: {message} ({hint})")


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def _fail(as_json: bool, status: int, told: dict[str, Any], line: str) -> int:
    if as_json:
        print(json.dumps(told))
    else:
        print(" ".join(line.split()), file=sys.stderr)
    return status
