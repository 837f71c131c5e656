# SPDX-License-Identifier: BSD-2-Clause
"""The FPGA around the die: deserialiser, slice FIFO, commands, sequencer, links."""
