#!/usr/bin/env python3
"""Who is named for the incidents of a labelled set: sessions with the set's clients go into a store, detection runs on it,
and the culprit of each incident's strongest telling record is held against the label.

    culprits.py --halfopen PATH --data DIR [--days 8] [--level 40] [--store DIR] [--lock COMMAND]

The set is in the form of generate.py. Counts become NetFlow v5 records of SYNs without an answer. Around incidents the
set says which clients failed; before, usual clients of the same server and port fail with the shares they have there.
Busy series are thinned to a mean of `--level` a bucket, and incidents on them alike; detection begins `--days` days before the
first incident. What is detected: a record of 75 or more at a labelled server in a labelled bucket, or of a labelled client.
"""
import argparse
import json
import os
import shlex
import socket
import struct
import subprocess
import tempfile

import numpy as np
import pandas as pd

from evaluate import Labelled, bucket

SPAN = 900


def address(text):
    return struct.unpack("!I", socket.inet_aton(text))[0]


def sessions(labelled, clients, first, level, random):
    """Failed sessions as time (s), client, server, port."""
    clients = clients.assign(t=bucket(clients.ts) - labelled.t0)
    known = {key: rows for key, rows in clients.groupby(["t", "server", "port"])}
    usual = {}
    for (server, port), rows in clients.groupby(["server", "port"]):
        label = labelled.label[labelled.place[server, port]]
        quiet = rows[[label[t] == 0 for t in rows.t]]
        weights = (quiet if len(quiet) else rows).groupby("client")["count"].sum()
        usual[server, port] = (list(weights.index), (weights / weights.sum()).to_numpy())
    out = []
    for row, (server, port) in enumerate(labelled.keys):
        some = usual.get((server, port)) or ([f"10.59.{row}.{i}" for i in range(1, 13)], np.full(12, 1 / 12))
        share = min(1.0, level / max(np.nanmean(labelled.values[row]), 1e-9))
        for t in range(first, labelled.n):
            count = labelled.values[row, t]
            if not count > 0:
                continue
            if (t, server, port) in known:
                rows = known[t, server, port]
                who = rows.client.to_numpy().repeat(random.binomial(rows["count"], share))
            else:
                who = random.choice(some[0], random.binomial(int(count), share), p=some[1])
            at = (labelled.t0 + t) * SPAN + np.sort(random.uniform(1, SPAN - 60, len(who)))
            out.extend((time, address(client), address(server), port) for time, client in zip(at, who))
    return sorted(out)


def capture(rows, path):
    """NetFlow v5 datagrams of 30 records as a capture of raw IP packets."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        begin = int(rows[0][0]) - 3600
        for part in range(0, len(rows), 30):
            some = rows[part:part + 30]
            now = some[-1][0] + 1
            up = int((now - begin) * 1000)
            body = struct.pack("!HHIIIIBBH", 5, len(some), up & 0xFFFFFFFF, int(now), int(now % 1 * 1e9), part, 0, 0, 0)
            for n, (time, client, server, port) in enumerate(some):
                at = int((time - begin) * 1000) & 0xFFFFFFFF
                body += struct.pack("!IIIHHIIIIHHBBBBHHBBH", client, server, 0, 1, 2, 1, 60, at, at,
                                    1024 + (part + n) % 64000, port, 0, 2, 6, 0, 0, 0, 0, 0, 0)
            datagram = struct.pack("!HHHH", 2055, 2055, 8 + len(body), 0) + body
            packet = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0, address("192.0.2.1"),
                                 address("192.0.2.2")) + datagram
            file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)


def culprit(record):
    """Field and values that a record names, in the words of the labels."""
    named = {}
    for one in json.loads(record.influencers) if isinstance(record.influencers, str) else []:
        named.setdefault(one["field"], set()).add(one["value"])
    if record.level == "client":
        return "client", {record.client_ip}
    for field in ("client", "client_net"):
        values = named.get("client_ip" if field == "client" else field)
        if values:
            return field, values
    if record.level == "server":
        return "server", {record.server_ip}
    if record.level == "server_port":
        return "server_port", {f"{record.server_ip}:{int(record.server_port)}"}
    return record.level, set()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--halfopen", default="target/debug/halfopen")
    p.add_argument("--data", required=True)
    p.add_argument("--days", type=int, default=8)
    p.add_argument("--level", type=float, default=40)
    p.add_argument("--store", help="keep the store, or use what is there")
    p.add_argument("--lock", default="", help="put before each command of halfopen")
    a = p.parse_args()
    labelled = Labelled(a.data)
    path = os.path.join(a.data, "clients.csv")
    clients = pd.read_csv(path if os.path.exists(path) else path + ".gz")
    with tempfile.TemporaryDirectory() as folder:
        store = a.store or os.path.join(folder, "store")

        def halfopen(*arguments):
            command = [*shlex.split(a.lock), a.halfopen, *arguments, "--store", store]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

        if not os.path.isdir(os.path.join(store, "sessions")):
            rows = sessions(labelled, clients, min(labelled.start.values()) - a.days * 96, a.level,
                            np.random.default_rng(1))
            capture(rows, os.path.join(folder, "flows.pcap"))
            halfopen("load", os.path.join(folder, "flows.pcap"))
        for day in range(int(min(labelled.start.values())) - a.days * 96, labelled.n, 5 * 96):
            end = pd.Timestamp((labelled.t0 + min(day + 5 * 96, labelled.n)) * SPAN, unit="s")
            halfopen("detect", "--to", end.strftime("%Y-%m-%dT%H:%M:%SZ"), "--format", "ndjson")
        table = os.path.join(folder, "records.ndjson")
        with open(table, "w") as file:
            file.write(halfopen("query", "SELECT * FROM results WHERE result_type = 'record' AND score >= 25",
                                "--format", "ndjson"))
        records = pd.read_json(table, lines=True, convert_dates=False)
    judge(labelled, records)


def judge(labelled, records):
    for column in ("client_ip", "server_ip", "server_port", "influencers"):
        records[column] = records.get(column, pd.Series(dtype=object))
    records["t"] = bucket(records.timestamp) - labelled.t0
    right = detected = 0
    for incident in labelled.incidents.itertuples():
        members, at = np.nonzero(labelled.label == incident.incident_id)
        servers = {labelled.keys[row][0] for row in members}
        values = set(str(incident.culprit_values).split())
        own = records[records.t.isin(set(at)) & (records.score >= 75)]
        own = own[own.server_ip.isin(servers) | own.client_ip.isin(values)]
        # A record of a series that is labelled with another incident of the same time is of that one.
        own = own[[labelled.label[labelled.place[key], t] in (0, incident.incident_id)
                   if (key := (server, port)) in labelled.place else True
                   for server, port, t in zip(own.server_ip, own.server_port, own.t)]]
        if own.empty:
            continue
        detected += 1
        telling = own[own.primary.astype(bool)]
        one = (telling if len(telling) else own).sort_values("score").iloc[-1]
        field, named = culprit(one)
        good = field == incident.culprit_field and bool(named) and named <= values
        right += good
        if not good:
            print(f"{incident.type} {incident.incident_id}: {incident.culprit_field} {sorted(values)}, named {field} "
                  f"{sorted(named)} at score {one.score:.0f}, {one.actual:.0f} where {one.typical:.1f} are usual")
    print(f"{right} of {detected} detected incidents have their culprit named, field and value "
          f"({len(labelled.incidents)} incidents)")


if __name__ == "__main__":
    main()
