#!/usr/bin/env python3
"""The whole way, beside nfcapd: the same export messages from a file into stored data, and live over loopback UDP.

Usage: collector.py HALFOPEN [--rate FLOWS_PER_SECOND] [--seconds N] [--seed N]

Makes IPFIX messages of both directions of TCP sessions of the last ten minutes (20 fixed fields, 18 records each) from a
seed, as many as are sent live, and measures CPU time (user and system, all threads), loss and bytes on disk of `halfopen
load`, `halfopen serve` with detection, and `nfcapd` in three of its forms: not compressing, and with LZ4 and BZ2.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

FIELDS = [(8, 4), (12, 4), (15, 4), (10, 4), (14, 4), (2, 8), (1, 8), (152, 8), (153, 8), (7, 2), (11, 2), (6, 1), (4, 1),
          (5, 1), (16, 4), (17, 4), (9, 1), (13, 1), (58, 2), (136, 1)]
RECORD = struct.Struct(">IIIIIQQQQHHBBBIIBBHB")
PER_MESSAGE = 18
# Sessions of the made-up traffic end within this many seconds.
SPAN = 600
START = int(time.time()) - SPAN - 60
HEADER = struct.Struct(">HHIII")
SET = struct.Struct(">HH")
SYN, ACK_ALL, RST = 0x02, 0x1b, 0x14


def message(sets, exported, sequence):
    return HEADER.pack(10, 16 + len(sets), exported, sequence, 1) + sets


def template():
    body = struct.pack(">HH", 256, len(FIELDS)) + b"".join(struct.pack(">HH", *field) for field in FIELDS)
    return SET.pack(2, 4 + len(body)) + body


def records(flows, seed):
    """Records in the order in which sessions end: 20 clients in 21 are answered, one is refused or not answered."""
    rng = random.Random(seed)
    sessions = flows // 2
    for number in range(sessions):
        end = (START * 1000) + number * SPAN * 1000 // sessions
        length = rng.randrange(10, 30_000)
        client = 0x0A000000 | rng.randrange(20_000)
        server = 0x0AFA0000 | rng.randrange(500)
        port, service = rng.randrange(32_768, 61_000), (443, 80, 22, 5432, 8443)[number % 5]
        kind = rng.randrange(42)
        flags, back = (SYN, RST) if kind == 0 else (ACK_ALL, ACK_ALL)
        packets = rng.randrange(4, 2_000) if kind else 1
        size = packets * (rng.randrange(52, 1_400) if kind else 60)
        common = (1, 2, packets, size, end - length, end)
        yield RECORD.pack(client, server, 0, *common, port, service, flags, 6, 0, 65_000, 65_001, 24, 24, 100, 3)
        common = (2, 1, packets, size // 2, end - length, end)
        yield RECORD.pack(server, client, 0, *common, service, port, back, 6, 0, 65_001, 65_000, 24, 24, 100, 3)


def messages(flows, seed):
    yield message(template(), START, 0)
    batch, sent, total = [], 0, 0
    for record in records(flows, seed):
        batch.append(record)
        total += 1
        if len(batch) == PER_MESSAGE or total == flows // 2 * 2:
            body = b"".join(batch)
            exported = START + 1 + total * SPAN // flows
            yield message(SET.pack(256, 4 + len(body)) + body, exported, sent)
            sent += len(batch)
            batch = []


def write_pcap(path, datagrams):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for payload in datagrams:
            length = 28 + len(payload)
            exported = struct.unpack_from(">I", payload, 4)[0]
            file.write(struct.pack("<IIII", exported, 0, length, length))
            file.write(struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"))
            file.write(struct.pack(">HHHH", 40_000, 2055, 8 + len(payload), 0) + payload)


def read_pcap(path):
    with open(path, "rb") as file:
        file.seek(24)
        while head := file.read(16):
            yield file.read(struct.unpack_from("<I", head, 8)[0])[28:]


def folder_bytes(path):
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(path) for name in names)


def parquet_bytes(path):
    return folder_bytes(os.path.join(path, "sessions"))


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(pcap, port, rate):
    """Sends at so many flows a second, in steps of 5 ms."""
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", port))
    datagrams = read_pcap(pcap)
    out.send(next(datagrams))
    time.sleep(0.2)
    began, sent = time.monotonic(), 0
    for payload in datagrams:
        out.send(payload)
        sent += PER_MESSAGE
        ahead = sent / rate - (time.monotonic() - began)
        if ahead > 0.005:
            time.sleep(ahead)
    return time.monotonic() - began


def settled(count):
    """Waits until the count has not changed for three seconds, and gives it."""
    seen, since = None, time.monotonic()
    while time.monotonic() - since < 3:
        now = count()
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.2)
    return seen


def end(child, cpu_before):
    child.send_signal(signal.SIGTERM)
    child.wait(timeout=120)
    return children_cpu() - cpu_before


def load(program, pcap, work):
    store = os.path.join(work, "load")
    before = children_cpu()
    said = subprocess.run([program, "load", pcap, "--store", store], check=True, capture_output=True, text=True).stderr
    cpu = children_cpu() - before
    flows = int(re.search(r"(\d+) flow records", said).group(1))
    return flows, stored_sessions(program, store), cpu, parquet_bytes(store)


def stored_sessions(program, store):
    counted = subprocess.run([program, "query", "SELECT count(*) FROM sessions", "--store", store, "--format", "csv"],
                             check=True, capture_output=True, text=True).stdout
    return int(counted.split()[-1])


def live_halfopen(program, pcap, rate, work):
    store = os.path.join(work, "live")
    udp, http = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    before = children_cpu()
    with open(os.path.join(work, "serve.log"), "w+", encoding="utf-8") as log:
        child = subprocess.Popen([program, "serve", "--store", store, "--http", f"127.0.0.1:{http}", "--netflow",
                                  f"127.0.0.1:{udp}"], stderr=log)
        while "ready" not in open(log.name, encoding="utf-8").read():
            time.sleep(0.1)

    def count():
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/api/v1/exporters") as answer:
            return sum(exporter["records"] for exporter in json.load(answer)["items"])

    send(pcap, udp, rate)
    flows = settled(count)
    cpu = end(child, before)
    return flows, stored_sessions(program, store), cpu, parquet_bytes(store)


def live_nfcapd(pcap, rate, work, *compression):
    folder = os.path.join(work, "-".join(["nfcapd", *compression]))
    os.mkdir(folder)
    port = free_port(socket.SOCK_DGRAM)
    before = children_cpu()
    child = subprocess.Popen([shutil.which("nfcapd"), "-w", folder, "-p", str(port), "-b", "127.0.0.1", "-t", "3600",
                              "-B", str(32 << 20), *compression], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    send(pcap, port, rate)
    time.sleep(2)
    cpu = end(child, before)
    said = subprocess.run(["nfdump", "-I", "-R", folder], capture_output=True, text=True).stdout
    return int(re.search(r"^Flows: (\d+)", said, re.M).group(1)), None, cpu, folder_bytes(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("halfopen")
    parser.add_argument("--rate", type=int, default=200_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    flows = options.rate * options.seconds // 2 * 2
    rows = []
    with tempfile.TemporaryDirectory() as work:
        pcap = os.path.join(work, "export.pcap")
        write_pcap(pcap, messages(flows, options.seed))
        rows.append(("halfopen load, file to Parquet", *load(options.halfopen, pcap, work)))
        rows.append(("halfopen serve, UDP to Parquet", *live_halfopen(options.halfopen, pcap, options.rate, work)))
        if shutil.which("nfcapd"):
            for name, compression in (("", ()), (", LZ4", ("-y",)), (", BZ2", ("-j",))):
                measured = live_nfcapd(pcap, options.rate, work, *compression)
                rows.append((f"nfcapd, UDP to its file{name}", *measured))
        else:
            print("nfcapd is not installed: no comparison", file=sys.stderr)
    print(f"{flows} flows of {flows // 2} sessions; live at {options.rate} flows/s; seed {options.seed}")
    print(f"{'':<32}{'flows':>10}{'lost':>8}{'sessions':>10}{'CPU s':>8}{'flows/CPU s':>13}{'bytes/flow':>12}")
    for name, found, sessions, cpu, stored in rows:
        print(f"{name:<32}{found:>10}{flows - found:>8}{sessions or '':>10}{cpu:>8.2f}{found / cpu:>13,.0f}"
              f"{stored / flows:>12.1f}")


if __name__ == "__main__":
    main()
