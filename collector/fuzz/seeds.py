#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets: messages of every version, with templates, options, lengths, lists and events."""

import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
EXPORTED = 1_700_000_000


def fields(*specs):
    return b"".join(struct.pack(">HH", spec[0] | (0x8000 if len(spec) > 2 else 0), spec[1]) +
                    (struct.pack(">I", spec[2]) if len(spec) > 2 else b"") for spec in specs)


def template(number, *specs):
    return struct.pack(">HH", number, len(specs)) + fields(*specs)


def a_set(number, body):
    return struct.pack(">HH", number, 4 + len(body)) + body


def ipfix(*sets):
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), EXPORTED, 0, 7) + body


def v9(*sets):
    return struct.pack(">HHIIII", 9, len(sets), 5_000_000, EXPORTED, 0, 7) + b"".join(sets)


def v5(count, version=5):
    record = struct.pack(">IIIHHIIIIHHBBBBHHBBH", 0x0A000001, 0x0A000002, 0, 1, 2, 5, 500, 4_997_000, 4_999_000, 40_000, 443,
                         0, 0x1B, 6, 0, 1, 2, 24, 24, 0) + (b"\xc0\0\2\1" if version == 7 else b"")
    header = struct.pack(">HHIIIIBBH", version, count, 5_000_000, EXPORTED, 0, 0, 1, 2, 0x4064)
    return header + record * count


PLAIN = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (2, 4), (1, 4))
RECORD = struct.pack(">IIHHBBII", 0x0A000001, 0x0A000002, 40_000, 443, 6, 2, 1, 60)
ANSWER = struct.pack(">IIHHBBII", 0x0A000002, 0x0A000001, 443, 40_000, 6, 0x14, 1, 40)
BIFLOW = PLAIN + ((1, 4, 29305), (2, 4, 29305), (6, 1, 29305), (136, 1), (152, 8), (153, 8))
TIMES = struct.pack(">QQ", EXPORTED * 1000 - 900, EXPORTED * 1000 - 100)
NAMES = ((8, 4), (12, 4), (371, 65535), (4, 1), (82, 65535))
LISTS = ((8, 4), (12, 4), (291, 65535), (292, 65535), (293, 65535))
ASA = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (40005, 1), (33002, 2), (323, 8), (231, 4), (232, 4), (40001, 4), (40003, 2))
BASIC = b"\x03" + struct.pack(">HH", 2, 2) + b"\1\2\3\4"
SUB = b"\x03" + struct.pack(">H", 256) + RECORD
MULTI = b"\x03" + struct.pack(">HH", 256, 4 + len(RECORD)) + RECORD

DATAGRAMS = {
    "v5": [v5(3)],
    "v7": [v5(2, 7)],
    "v9": [v9(a_set(0, template(256, *PLAIN)), a_set(256, RECORD + ANSWER))],
    "v9-asa": [v9(a_set(0, template(263, *ASA)), a_set(263, RECORD[:13] + b"\3" + struct.pack(
        ">HQIIIH", 1001, EXPORTED * 1000, 40, 0, 0xC0000237, 4_369)))],
    "v9-options": [v9(a_set(1, struct.pack(">HHH", 300, 4, 8) + fields((1, 4), (34, 4), (35, 1))),
                      a_set(300, b"\0\0\0\0\0\0\0\x40\2\0\0\0"))],
    "ipfix": [ipfix(a_set(2, template(256, *PLAIN))), ipfix(a_set(256, RECORD + ANSWER))],
    "ipfix-late-template": [ipfix(a_set(256, RECORD + ANSWER)), ipfix(a_set(2, template(256, *PLAIN)))],
    "ipfix-biflow": [ipfix(a_set(2, template(257, *BIFLOW)), a_set(257, RECORD + struct.pack(">IIBB", 40, 1, 0x14, 3) + TIMES))],
    "ipfix-variable": [ipfix(a_set(2, template(258, *NAMES)), a_set(258, RECORD[:8] + b"\3bob\6\4eth0" + RECORD[:8] +
                                                                    b"\0\x11\xff\0\2lo\0"))],
    "ipfix-lists": [ipfix(a_set(2, template(256, *PLAIN) + template(259, *LISTS)), a_set(259, RECORD[:8] + b"".join(
        bytes([len(part)]) + part for part in (BASIC, SUB, MULTI))))],
    "ipfix-options": [ipfix(a_set(3, struct.pack(">HHH", 300, 3, 1) + fields((302, 8), (305, 4), (306, 4))),
                            a_set(300, struct.pack(">QII", 1, 1, 99)))],
    "ipfix-withdrawal": [ipfix(a_set(2, template(256, *PLAIN))), ipfix(a_set(2, struct.pack(">HH", 256, 0))),
                         ipfix(a_set(256, RECORD))],
}


def write(folder, name, data):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name), "wb") as file:
        file.write(data)


for name, datagrams in DATAGRAMS.items():
    write("datagram", name, b"".join(struct.pack(">H", len(datagram)) + datagram for datagram in datagrams))
    if name.startswith("ipfix"):
        write("stream", name, bytes([7]) + b"".join(datagrams))
