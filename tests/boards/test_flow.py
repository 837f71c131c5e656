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
