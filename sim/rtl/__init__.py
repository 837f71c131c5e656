# SPDX-License-Identifier: BSD-2-Clause
"""The compiled gateware behind the host's transport."""
