# SPDX-License-Identifier: BSD-2-Clause
"""The whole top is synthesised, placed and routed for two FPGAs; MHz and area go into the log."""

import dataclasses
import json

import pytest

from macropix.boards import flow

pytestmark = [pytest.mark.slow, pytest.mark.fpga]


@pytest.mark.parametrize("name", sorted(flow.TARGETS))
def test_top_routes(name, tmp_path, record_property, capsys):
    target = flow.TARGETS[name]
    result = flow.route(target, tmp_path)
    for key, value in dataclasses.asdict(result).items():
        record_property(key, value)
    with capsys.disabled():
        print(f"\n{name}: {result.mhz} MHz (asked {result.constraint_mhz}), {result.resources}, {result.seconds} s {target.reduced}")
    assert result.met, f"{name}: {result.mhz} MHz, {result.constraint_mhz} asked"
    for resource, (used, there) in result.resources.items():
        assert 0 < used <= there, resource


def test_a_missing_tool_is_named(tmp_path, monkeypatch):
    target = dataclasses.replace(flow.TARGETS["hx8k"], router="nextpnr-of-nobody")
    monkeypatch.setattr(
        flow, "to_verilog", lambda config, reset: "module top(input clk, output reg q); always @(posedge clk) q <= ~q; endmodule"
    )
    with pytest.raises(flow.FlowError, match="nextpnr-of-nobody is not installed"):
        flow.route(target, tmp_path)


@pytest.mark.parametrize("ends", [1, 3, 4])
def test_a_router_that_does_not_end_gets_another_seed(tmp_path, monkeypatch, ends):
    tried = []

    def run(program, arguments, *, log, seconds):
        if program != "router":
            return
        tried.append(int(arguments[arguments.index("--seed") + 1]))
        if tried[-1] != ends:
            raise flow.FlowTimeoutError("router did not end")
        report = {"fmax": {"clk": {"achieved": 70.0}}, "utilization": {"ICESTORM_LC": {"used": 5, "available": 9}}}
        (log.parent / "report.json").write_text(json.dumps(report))

    monkeypatch.setattr(flow, "_run", run)
    monkeypatch.setattr(flow, "to_verilog", lambda config, reset: "")
    target = dataclasses.replace(flow.TARGETS["hx8k"], router="router")
    if ends == 4:
        with pytest.raises(flow.FlowError, match="did not end"):
            flow.route(target, tmp_path)
    else:
        assert flow.route(target, tmp_path).seed == ends
    assert tried == list(range(1, min(ends, 3) + 1))


@pytest.mark.parametrize(("remaining", "circling"), [([9000 - n for n in range(200)], False), ([7032] * 200, True), ([7032] * 30, False)])
def test_a_router_that_turns_in_circles_is_ended(tmp_path, monkeypatch, remaining, circling):
    """As nextpnr-ice40 reports it; the program here says so and would then sleep for a minute."""
    lines = [
        f"Info: {1000 * (n + 1):10d} | {900 * n:8d} {n:10d} | 1000     0 | {arcs:9d}|       0.64     944.79|"
        for n, arcs in enumerate(remaining)
    ]
    (tmp_path / "said").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(flow, "POLL", 0.1)
    wait = 60 if circling else 0.5
    command = ["-c", f"import time; print(open('said').read(), flush=True); time.sleep({wait})"]
    if circling:
        with pytest.raises(flow.FlowTimeoutError, match="turns in circles"):
            flow._run("python", command, log=tmp_path / "log", seconds=50)
    else:
        flow._run("python", command, log=tmp_path / "log", seconds=50)
