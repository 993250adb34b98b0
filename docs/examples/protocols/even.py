#!/usr/bin/env python3
# protocol = "lines", or "frames" with an argument.
import struct
import sys

source, sink = sys.stdin.buffer, sys.stdout.buffer


def answer(record):
    number = int(record)
    return b"%d is even\n" % number if number % 2 == 0 else b""


def lines():
    for line in source:
        sink.write(answer(line) or b"\n")
        sink.flush()


def frames():
    while head := source.read(4):
        record = source.read(struct.unpack(">I", head)[0])
        reply = answer(record)
        sink.write(struct.pack(">I", len(reply)) + reply)
        sink.flush()


frames() if sys.argv[1:] else lines()
