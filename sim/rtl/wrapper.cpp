// SPDX-License-Identifier: BSD-2-Clause
// The Verilated top behind a C interface: bytes in, clocks, bytes out.
//
//   host bytes ─► rx (a byte a clock at most, or UART bits) ─► top ─► tx ─► host bytes
//
// Verilator writes the double underscore of Amaranth's stream ports as ___05F.
//
// Compiled with MPX_UART the bytes go through the pins bit by bit, BAUD_NUM / BAUD_DEN clocks a bit. Compiled with MPX_SEPARATE the
// die, the forwarded bit clock and the FPGA run on clocks of their own periods, and the lane is looped here.
//
// Otherwise each turn of a clock, up or down, is a clock, and each room of rooms.py has its own, which rests while the room sleeps.
// Compiled with MPX_DIRECT Verilator's scheduler is left out: which clocks turn is known here, and only what depends on them is evaluated.
// Compiled with MPX_SLEEPLESS all clocks turn always, which must come to the same.

#include <cstddef>
#include <cstdint>

#include "Vtop.h"
#include "verilated.h"

#ifndef MPX_SEPARATE
#include "rooms.h"  // MPX_ROOMS(ROOM): ROOM(name) for each, in the order of the bits of awake
#endif
#ifdef MPX_DIRECT
#include "Vtop___024root.h"
void Vtop___024root___eval_nba(Vtop___024root *);
void Vtop___024root___eval_triggers_vec__act(Vtop___024root *);
#endif

namespace {

#ifndef MPX_SEPARATE
#define MPX_ONE(name) +1
constexpr int ROOMS = MPX_ROOMS(MPX_ONE);
#endif

struct Device {
    VerilatedContext context;
    Vtop top{&context};
    uint64_t clocks = 0;
#ifdef MPX_DIRECT
    uint64_t triggers[1 << ROOMS];  // of Verilator, for each set of rooms that are awake
    bool inputs = true;             // have changed
#endif
#ifdef MPX_SEPARATE
    uint64_t now = 0, next_sync = 1000, next_die = 700, next_rx = 950;
#endif
#ifdef MPX_UART
    // bits leave and are sampled on a time base of 1 / BAUD_NUM clocks
    int send_bit = -1, take_bit = -1;
    uint64_t send_at = 0, take_at = 0;
    unsigned send_shift = 0, take_shift = 0;
#endif

    Device() {
        top.clk = 0;
#ifdef MPX_SEPARATE
        top.rst = 1;
        top.die_clk = 0;
        top.die_rst = 1;
        top.rx_clk = 0;
        top.rx_rst = 1;
        top.lane_i = 0;
#endif
#ifdef MPX_UART
        top.uart_rx = 1;
#else
        top.rx___05Fvalid = 0;
        top.rx___05Fpayload = 0;
        top.tx___05Fready = 1;
#endif
#ifdef MPX_SEPARATE
        for (int i = 0; i < 8; i++) tick();
        top.rst = 0;
        top.die_rst = 0;
        top.rx_rst = 0;
#endif
        top.eval();
#ifdef MPX_DIRECT
        learn();
#endif
    }
    ~Device() { top.final(); }

#ifdef MPX_DIRECT
    // Which bit of Verilator's triggers stands for which clock.
    void learn() {
#define MPX_CLOCK(name) , &top.clk_##name
        CData *const clock[] = {&top.clk MPX_ROOMS(MPX_CLOCK)};
        uint64_t bit[ROOMS + 1];
        for (int i = 0; i <= ROOMS; i++) {
            *clock[i] ^= 1;
            Vtop___024root___eval_triggers_vec__act(top.rootp);
            bit[i] = top.rootp->__VactTriggered[0];
        }
        top.rootp->__VactTriggered[0] = 0;
        for (int awake = 0; awake < 1 << ROOMS; awake++) {
            triggers[awake] = bit[0];
            for (int i = 0; i < ROOMS; i++)
                if (awake >> i & 1) triggers[awake] |= bit[i + 1];
        }
    }
#endif

#ifndef MPX_UART
    // A byte for the device, or none.
    void offer(bool valid, uint8_t byte) {
#ifdef MPX_DIRECT
        inputs |= valid || top.rx___05Fvalid;
#endif
        top.rx___05Fvalid = valid;
        if (valid) top.rx___05Fpayload = byte;
    }
#endif

    // One clock of the FPGA. Whoever offers a byte wakes the first room, which takes it.
    void tick(bool wake = false) {
#ifdef MPX_SEPARATE
        bool done = false;
        while (!done) {
            now = next_sync < next_die ? next_sync : next_die;
            if (next_rx < now) now = next_rx;
            if (now == next_die) {  // half periods: 487 ahead of the FPGA's 500
                top.die_clk = !top.die_clk;
                next_die += DIE_HALF;
            }
            if (now == next_rx) {  // the forwarded clock: the die's, half a bit and a bit late
                if (!top.rx_clk) top.lane_i = top.lane_o;
                top.rx_clk = !top.rx_clk;
                next_rx += DIE_HALF;
            }
            if (now == next_sync) {
                top.clk = !top.clk;
                next_sync += 500;
                done = top.clk == 0;
            }
            top.eval();
        }
#elif defined(MPX_DIRECT)
        if (inputs) {
            top.eval();
            inputs = false;
        }
        Vtop___024root *const root = top.rootp;
        root->__VnbaTriggered[0] = triggers[top.awake | wake];
        Vtop___024root___eval_nba(root);
        root->__VnbaTriggered[0] = 0;
#else
#define MPX_TURN(name) top.clk_##name ^= awake & 1, awake >>= 1;
#ifdef MPX_SLEEPLESS
        unsigned awake = ~0u;
        (void)wake;
#else
        unsigned awake = top.awake | wake;
#endif
        top.clk ^= 1;
        MPX_ROOMS(MPX_TURN)
        top.eval();
#endif
        clocks++;
    }
};

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void *mpx_new() { return new Device; }

void mpx_delete(void *handle) { delete static_cast<Device *>(handle); }

uint64_t mpx_clocks(void *handle) { return static_cast<Device *>(handle)->clocks; }

// Runs up to `limit` clocks. Returns earlier when `in` is taken and `out` has something and nothing has come for `gap` clocks since;
// or when `out` is full; or when nothing has come for `quiet` clocks. `*taken` and `*made` count bytes.
void mpx_run(void *handle, uint64_t limit, uint64_t gap, uint64_t quiet, const uint8_t *in, size_t length, size_t *taken, uint8_t *out,
             size_t room, size_t *made) {
    Device &device = *static_cast<Device *>(handle);
    Vtop &top = device.top;
    size_t fed = 0, got = 0;
    uint64_t silent = 0;
    for (uint64_t n = 0; n < limit && got < room; n++) {
#ifdef MPX_UART
        const uint64_t time = device.clocks * BAUD_DEN;
        if (device.send_bit < 0 && fed < length) {
            device.send_shift = (unsigned(in[fed++]) << 1) | 0x200;
            device.send_bit = 0;
            device.send_at = time;
            silent = 0;
        }
        if (device.send_bit >= 0 && time >= device.send_at) {
            if (device.send_bit == 10) {
                device.send_bit = -1;
            } else {
                top.uart_rx = (device.send_shift >> device.send_bit) & 1;
#ifdef MPX_DIRECT
                device.inputs = true;
#endif
                device.send_bit++;
                device.send_at += BAUD_NUM;
            }
        }
        const bool line = top.uart_tx;
        if (device.take_bit < 0) {
            if (!line) {
                device.take_bit = 0;
                device.take_shift = 0;
                device.take_at = time + BAUD_NUM + BAUD_NUM / 2;
            }
        } else if (time >= device.take_at) {
            if (device.take_bit == 8) {
                if (line) {
                    out[got++] = uint8_t(device.take_shift);
                    silent = 0;
                }
                device.take_bit = -1;
            } else {
                device.take_shift |= unsigned(line) << device.take_bit;
                device.take_bit++;
                device.take_at += BAUD_NUM;
            }
        }
        device.tick();
#else
        const bool offer = fed < length;
        device.offer(offer, offer ? in[fed] : 0);
#ifdef MPX_SEPARATE
        top.eval();
#endif
        const bool take = offer && top.rx___05Fready;
        if (top.tx___05Fvalid) {
            out[got++] = top.tx___05Fpayload;
            silent = 0;
        }
        device.tick(offer);
        if (take) {
            fed++;
            silent = 0;
        }
#endif
        silent++;
        if (silent > gap && got && fed == length) break;
        if (silent > quiet) break;
    }
#ifndef MPX_UART
    device.offer(false, 0);
#endif
    *taken = fed;
    *made = got;
}
}
#pragma GCC visibility pop
