# SPDX-License-Identifier: BSD-2-Clause
"""Readers of picture files, one format a file: bytes on disk to `Samples`."""
