# SPDX-License-Identifier: BSD-2-Clause
"""A second decoder of the macropix stream, written from docs/protocol.md alone by an author who had not seen the code.

Its rules were fixed before the author had opened a test vector; since then it was split into files and tidied, and counts the slices of a
foreign tag besides its frames. The modules below import nothing of macropix, and a test holds that: where this judge and the production
decoder agree, they do not agree because they share a line. Only the tests know both.
Where the document is read in one of several ways, a comment says so.

    packets         bytes from the device ──► packets, and what was broken
    payload         payload of a data packet ──► indices, values, masked pixels
    frames          packets ──► whole frames, and what was lost, stale, foreign
    configuration   status packet, tag, shape of a frame (registers.md, numbers.md)
    commands        commands, as a device finds them, and their replies
"""
