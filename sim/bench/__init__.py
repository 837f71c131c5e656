# SPDX-License-Identifier: BSD-2-Clause
"""cocotb benches for the chip and the FPGA."""
