# SPDX-License-Identifier: BSD-2-Clause
"""A device for others: over TCP, or as a pseudo-terminal on this machine."""
