"""Sends and receives raw Ethernet frames on one interface, for tests/lib/link.ts.

usage: dhcp_agent.py INTERFACE [watch]
stdin:  "s HEX"       send this frame
        "a IP MAC"    answer ARP requests for IP (hex, 8 digits) with MAC (hex, 12 digits)
        "d IP"        no longer answer for IP
        "c MAC"       contest: tell the host with MAC, whatever address it probes for, that it is in use
        "e MAC"       no longer contest what that host probes for
stdout: "r"           ready, once
        "f NS HEX"    an IPv4/UDP frame arrived from another host, from or to port 67 or 68, at NS nanoseconds
                      of CLOCK_MONOTONIC
        "o NS HEX"    (watch only) such a frame was sent from this host
        "q SENDER IP" somebody with this address (0 in a probe) asked who has IP (both hex)
Knows nothing of DHCP: what is sent is built, and what arrives is judged, in the test.
"""

import os
import selectors
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4

interface = sys.argv[1]
watching = sys.argv[2:] == ["watch"]
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
packet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
packet.bind((interface, ETH_P_ALL))
packet.setblocking(False)
# Never block on stdin: the test may pause with a line half written.
os.set_blocking(0, False)
neighbours = {}
contested = set()
# Whoever contests an address has this one.
RIVAL = bytes.fromhex("026666666666")
pending = b""
out = []


def on_line(line):
    kind, _, rest = line.partition(b" ")
    if kind == b"s":
        send(bytes.fromhex(rest.decode()))
    elif kind == b"a":
        address, mac = rest.decode().split()
        neighbours[bytes.fromhex(address)] = bytes.fromhex(mac)
    elif kind == b"d":
        neighbours.pop(bytes.fromhex(rest.decode()), None)
    elif kind == b"c":
        contested.add(bytes.fromhex(rest.decode()))
    elif kind == b"e":
        contested.discard(bytes.fromhex(rest.decode()))


def send(frame):
    while True:
        try:
            packet.send(frame)
            return
        except BlockingIOError:
            continue
        except OSError:  # the interface is down: like a cable that is not plugged in
            return


def on_frame(frame, kind):
    outgoing = kind == PACKET_OUTGOING
    if len(frame) < 34 or (outgoing and not watching):
        return
    ethertype = frame[12:14]
    if ethertype == b"\x08\x06" and not outgoing and frame[20:22] == b"\x00\x01":
        sender, wanted = frame[28:32], frame[38:42]
        out.append(b"q %s %s\n" % (sender.hex().encode(), wanted.hex().encode()))
        probing = sender == bytes(4) and frame[6:12] in contested
        mac = RIVAL if probing else neighbours.get(wanted)
        if mac is not None:
            send(frame[6:12] + mac + frame[12:20] + b"\x00\x02" + mac + wanted + frame[22:32])
    elif ethertype == b"\x08\x00" and frame[23] == 17:
        header = (frame[14] & 15) * 4
        ports = struct.unpack_from("!HH", frame, 14 + header)
        if 67 in ports or 68 in ports:
            kind = b"o" if outgoing else b"f"
            out.append(b"%s %d %s\n" % (kind, time.monotonic_ns(), frame.hex().encode()))


selector = selectors.DefaultSelector()
selector.register(0, selectors.EVENT_READ)
selector.register(packet, selectors.EVENT_READ)
os.write(1, b"r\n")
while True:
    for key, _ in selector.select():
        if key.fd == 0:
            data = os.read(0, 1 << 16)
            if not data:
                sys.exit(0)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                on_line(line)
        else:
            for _ in range(256):
                try:
                    frame, address = packet.recvfrom(65535)
                except (BlockingIOError, OSError):
                    break
                on_frame(frame, address[2])
    if out:
        chunk = b"".join(out)
        out.clear()
        while chunk:
            try:
                chunk = chunk[os.write(1, chunk):]
            except BlockingIOError:
                continue
