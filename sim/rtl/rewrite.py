# SPDX-License-Identifier: BSD-2-Clause
"""Verilog said again so that Verilator makes faster code of it. What it means stays; a test holds the two to the same bytes.

always @* n = q; if (c) n = d;   always @(posedge clk) q <= n;   ─►   always @(edge clk) if (c) q <= d;
{ x[3], x[3], x[3], x }                                          ─►   { {3{x[3]}}, x }
"""

import re
from collections import Counter

__all__ = ["both_edges", "clocked", "repetitions"]

#: a name as Yosys writes it: an escaped one ends with a space
_NAME = r"(?:\\\S+ |[A-Za-z_$][\w$]*)"
_BIT = r"(?:\\\S+ |[A-Za-z_]\w*)(?:\[\d+\])?"
_RUN = re.compile(rf"(?<=[{{,] )({_BIT})((?:, \1)+)(?= ?[,}}])")
_WORD = re.compile(r"\\\S+ |[A-Za-z_$][\w$]*")
_FLOP = re.compile(rf"^  always @\((posedge|edge) (\S+) ?\)\n    ({_NAME}) ?<= ({_NAME}) ?;\n", re.MULTILINE)
_PROCESS = re.compile(r"^  always @\* begin\n(.*?)^  end\n", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(rf"^ +({_NAME}) *(?:\[[\d:]+\] *)?= ", re.MULTILINE)
_MODULE = re.compile(r"(?<=endmodule\n)")


def repetitions(verilog: str) -> str:
    """One bit several times in a row, as in every sign extension, becomes a replication: one operation and not one a bit."""
    return _RUN.sub(lambda run: f"{{{run[2].count(',') + 1}{{{run[1]}}}}}", verilog)


def both_edges(verilog: str) -> str:
    """Each turn of a clock is a clock, up or down: a simulation then turns it once and not twice."""
    return verilog.replace("@(posedge ", "@(edge ")


def clocked(verilog: str) -> str:
    """What a register takes is worked out where it takes it: nothing is done for one that keeps its value, or whose clock rests.

    A register ``q <= n`` and the process that makes ``n``, and is nobody else's, become one process.
    """
    return "".join(_clocked_module(module) for module in _MODULE.split(verilog))


def _clocked_module(module: str) -> str:
    processes = {}
    for process in _PROCESS.finditer(module):
        targets = {target.strip() for target in _TARGET.findall(process[1])}
        if len(targets) == 1:
            processes[targets.pop()] = process
    uses = Counter(word.strip() for word in _WORD.findall(module))
    edits = []
    for flop in _FLOP.finditer(module):
        register, following = flop[3], flop[4].strip()
        process = processes.get(following)
        if process is None:
            continue
        body, count = _body(process[1], following, register)
        # beside its own process it stands in its declaration and in the register's input
        if body is not None and uses[following] == count + 2:
            edits += [
                (flop.start(), flop.end(), ""),
                (process.start(), process.end(), f"  always @({flop[1]} {flop[2]} ) begin\n{body}  end\n"),
            ]
    for start, end, text in sorted(edits, reverse=True):
        module = module[:start] + text + module[end:]
    return module


def _body(process: str, following: str, register: str) -> tuple[str | None, int]:
    """The process with `register` in place of `following`, without the keeping of the old value; and how often `following` stood there.

    None if the process doesn't begin with keeping the old value.
    """
    target = re.compile(rf"^( +){re.escape(following)} *(\[[\d:]+\] *)?= (.*)$")
    lines, count = [], 0
    for line in process.splitlines():
        if line.endswith("begin end"):  # of Yosys, so that a process without inputs runs at the start
            continue
        found = target.match(line)
        if found is None:
            lines.append(line)
            continue
        count += 1
        if count == 1:
            if found[2] is not None or found[3].rstrip("; ") != register.strip():
                return None, count
            continue
        lines.append(f"{found[1]}{register}{found[2] or ''}<= {found[3]}")
    return "".join(f"{line}\n" for line in lines), count
