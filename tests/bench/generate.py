#!/usr/bin/env python3
"""Makes labelled sets of failed-session counts: services with daily and weekly rhythm, over-dispersed and autocorrelated
noise, incidents with a known culprit, and nuisances that are none.

    generate.py --out DIR --seed N [--zone Europe/Berlin] [--days 49] [--servers 12] [--quiet]

Writes series.csv, truth.csv, incidents.csv, nuisance.csv, clients.csv and meta.json, in the form that evaluate.py reads.
`--quiet` makes a set without incidents, for calibration.
"""
import argparse
import csv
import json
import os
import zlib
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np

SPAN = 900
DAY = 96
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "UTC", "America/Sao_Paulo"]


def bump(hour, at, width):
    """A daily bump around an hour, periodic."""
    away = np.abs((hour - at + 12) % 24 - 12)
    return np.exp(-0.5 * (away / width) ** 2)


# name: (port, log10 range of the level, dispersion, autocorrelated log noise, share of noise carried on)
KINDS = {
    "office": (443, (0.6, 1.6), 0.06, 0.10, 0.8),
    "shop": (8443, (1.2, 2.2), 0.02, 0.08, 0.85),
    "resolver": (53, (2.0, 3.0), 0.008, 0.06, 0.85),
    "relay": (25, (0.5, 1.4), 0.25, 0.15, 0.7),
    "bastion": (22, (0.3, 1.2), 0.5, 0.2, 0.7),
    "probe": (9100, (0.4, 0.7), 0.0, 0.0, 0.0),
    "half_hourly": (6379, (0.7, 1.6), 0.05, 0.05, 0.5),
    "nightly": (873, (1.0, 2.0), 0.1, 0.1, 0.5),
    "directory": (389, (-0.8, 0.0), 0.4, 0.2, 0.7),
    "trickle": (5432, (-1.6, -0.8), 0.8, 0.2, 0.5),
    "silent": (631, (-2.6, -1.8), 0.5, 0.0, 0.0),
    "growing": (8080, (0.6, 1.4), 0.04, 0.08, 0.8),
    "bursty": (9443, (0.3, 1.0), 2.0, 0.4, 0.8),
}


class World:
    def __init__(self, seed, zone, days, servers, quiet):
        self.random = np.random.default_rng(seed)
        self.seed, self.zone, self.days, self.quiet = seed, ZoneInfo(zone), days, quiet
        # The set straddles a change of the clocks wherever the zone has one.
        first = datetime(2026, 2, 16 if zone.startswith("America") else 23, tzinfo=self.zone)
        first += timedelta(days=int(self.random.integers(0, 5)))
        self.start = int(first.timestamp()) // SPAN * SPAN
        self.n = days * DAY
        self.train = min(21, days // 2) * DAY
        local = [datetime.fromtimestamp(self.start + i * SPAN, self.zone) for i in range(self.n)]
        self.hour = np.array([t.hour + t.minute / 60 for t in local])
        self.weekday = np.array([t.weekday() for t in local])
        self.date = [t.date() for t in local]
        self.holidays = self.pick_holidays()
        self.have = np.ones(self.n, bool)
        self.series, self.incidents, self.nuisance, self.clients = [], [], [], []
        self.make_series(servers)

    def pick_holidays(self):
        dates = sorted(set(self.date))
        workdays = [d for d in dates[14:-2] if d.weekday() < 5]
        return {workdays[int(i)] for i in self.random.choice(len(workdays), 2, replace=False)}

    def rate(self, kind, level):
        r, hour, weekday = self.random, self.hour, self.weekday
        weekend = weekday >= 5
        shift = r.normal(0, 0.7)
        if kind == "office":
            day = 0.06 + bump(hour, 10 + shift, 2.2) + 0.9 * bump(hour, 14.5 + shift, 2)
            shape = np.where(weekend, 0.12, 1.0) * day
            shape = shape * np.where(np.isin(self.date, list(self.holidays)), 0.2, 1.0)
        elif kind == "shop":
            shape = (0.15 + bump(hour, 20 + shift, 3) + 0.4 * bump(hour, 12 + shift, 2)) * np.where(weekend, 1.4, 1)
        elif kind == "resolver":
            shape = (0.4 + 0.6 * bump(hour, 14 + shift, 4.5)) * np.where(weekend, 0.8, 1)
        elif kind in ("relay", "directory", "growing", "bursty"):
            shape = (0.3 + 0.7 * bump(hour, 13 + shift, 4)) * np.where(weekend, 0.6, 1)
        elif kind == "half_hourly":
            slot = np.arange(self.n) % 2
            shape = np.where(slot == 0, 1.0, 0.15)
        elif kind == "nightly":
            at = int(r.integers(0, 24)) % 7
            shape = np.where((hour >= at) & (hour < at + 0.75), 1.0, 0.004)
        else:
            shape = np.ones(self.n)
        if kind == "growing":
            shape = shape * np.exp(np.arange(self.n) / self.n * r.uniform(0.5, 1.2))
        return level * shape / shape.mean()

    def make_series(self, servers):
        r = self.random
        common = list(KINDS)
        for index in range(servers):
            address = f"10.{30 + self.seed % 60}.{index // 200}.{10 + index % 200}"
            kinds = r.choice(common, size=int(r.integers(2, 6)), replace=False)
            for kind in kinds:
                port, (low, high), dispersion, noise, carry = KINDS[kind]
                level = 10 ** r.uniform(low, high)
                rate = self.rate(kind, level)
                if noise:
                    steps = r.normal(0, noise * np.sqrt(1 - carry**2), self.n)
                    wander = np.empty(self.n)
                    last = r.normal(0, noise)
                    for i in range(self.n):
                        last = carry * last + steps[i]
                        wander[i] = last
                    rate = rate * np.exp(wander - noise**2 / 2)
                if kind == "probe":
                    count = np.where(r.random(self.n) < 0.97, round(level), round(level) + r.integers(-1, 2, self.n))
                elif dispersion:
                    count = r.poisson(rate * r.gamma(1 / dispersion, dispersion, self.n))
                else:
                    count = r.poisson(rate)
                self.series.append(dict(server=address, port=int(port), kind=kind, rate=rate, count=count.astype(int),
                                        label=np.zeros(self.n, int), type=[None] * self.n))

    def z(self, series, a, b, extra):
        dispersion = KINDS[series["kind"]][2]
        noise = KINDS[series["kind"]][3]
        rate = series["rate"][a:b]
        spread = np.sqrt((rate + (dispersion + noise**2) * rate**2 + 0.3).sum())
        return extra.sum() / spread

    def free(self, members, a, b):
        return all(not (s["label"][max(0, a - DAY // 2):b + DAY // 2] > 0).any() for s in members) and self.have[a:b].all()

    def times(self, length):
        a = int(self.random.integers(self.train + 8, self.n - length - 8))
        return a, a + length

    def add(self, kind, members, a, b, extras, field, values, magnitude):
        """Adds counts to series over a..b, and says who did it."""
        r = self.random
        number = len(self.incidents) + 1
        added = [r.poisson(extra) for extra in extras]
        for series, made in zip(members, added):
            series["count"][a:b] += made
            hit = made > 0
            series["label"][a:b][hit] = number
            for i in np.flatnonzero(hit):
                series["type"][a + i] = kind
        z = max(self.z(s, a, b, e) for s, e in zip(members, extras))
        self.incidents.append(dict(id=number, type=kind, a=a, b=b, n=len(members), field=field, values=values,
                                   magnitude=round(magnitude, 2), z=round(float(z), 1), members=members, added=added))

    def incident(self, kind):
        """Tries until one fits that a careful person could see (z of the window at least 6)."""
        r = self.random
        by_server = {}
        for s in self.series:
            by_server.setdefault(s["server"], []).append(s)
        for _ in range(200):
            one = self.series[int(r.integers(len(self.series)))]
            level = one["rate"].mean()
            if kind == "server_outage":
                members = by_server[one["server"]]
                a, b = self.times(int(r.integers(2, 10)))
                extras = [np.maximum(s["rate"][a:b], 0.5) * r.uniform(5, 30) for s in members]
                who = ("server", one["server"])
            elif kind == "firewall_block":
                members = [one]
                a, b = self.times(int(r.integers(4, 40)))
                extras = [np.maximum(one["rate"][a:b], 1.0) * r.uniform(0.6, 6)]
                who = ("client_net", f"10.{r.integers(100, 200)}.{r.integers(256)}.0/24")
            elif kind == "syn_flood":
                members = [one]
                a, b = self.times(int(r.integers(1, 6)))
                extras = [np.full(b - a, r.uniform(40, 600))]
                who = ("server_port", f"{one['server']}:{one['port']}")
            elif kind == "brute_force":
                members = [one]
                a, b = self.times(int(r.integers(4, 14)))
                extras = [np.full(b - a, r.uniform(8, 80))]
                who = ("client", f"198.51.100.{r.integers(1, 255)}")
            elif kind == "port_scan":
                members = by_server[one["server"]]
                a, b = self.times(int(r.integers(2, 5)))
                extras = [np.full(b - a, r.uniform(2, 5)) for _ in members]
                who = ("client", f"198.51.100.{r.integers(1, 255)}")
            elif kind == "host_scan":
                members = [s for s in self.series if r.random() < 0.5]
                a, b = self.times(int(r.integers(2, 5)))
                extras = [np.full(b - a, r.uniform(1, 3)) for _ in members]
                who = ("client", f"198.51.100.{r.integers(1, 255)}")
            elif kind == "congestion":
                members = by_server[one["server"]]
                a, b = self.times(int(r.integers(12, 32)))
                ramp = np.sin(np.linspace(0.15, np.pi - 0.15, b - a))
                extras = [s["rate"][a:b] * ramp * r.uniform(1, 3.5) for s in members]
                who = ("server", one["server"])
            elif kind == "slow_burn":
                members = [one]
                if level < 4:
                    continue
                a, b = self.times(int(r.integers(20, 60)))
                ramp = np.minimum(1, np.linspace(0.1, 2, b - a))
                extras = [one["rate"][a:b] * ramp * r.uniform(0.5, 1.4)]
                who = ("server_port", f"{one['server']}:{one['port']}")
            elif kind == "level_shift":
                members = [one]
                a, b = self.times(16)
                extras = [one["rate"][a:b] * r.uniform(1.2, 4)]
                who = ("server_port", f"{one['server']}:{one['port']}")
            else:  # burst on a silent series
                members = [one]
                if level > 0.2:
                    continue
                a, b = self.times(int(r.integers(1, 6)))
                extras = [np.full(b - a, r.uniform(8, 30))]
                who = ("client", " ".join(f"10.77.{r.integers(8)}.{r.integers(1, 255)}" for _ in range(2)))
            z = max(self.z(s, a, b, e) for s, e in zip(members, extras))
            if z < 6 or not self.free(members, a, b) or (kind == "port_scan" and len(members) < 3):
                continue
            factor = float(np.mean([e.mean() / max(s["rate"][a:b].mean(), 0.02) for s, e in zip(members, extras)]))
            self.add(kind, members, a, b, extras, *who, factor)
            if kind == "level_shift":  # the new level stays and becomes the usual
                tail = r.poisson(one["rate"][b:] * (extras[0].mean() / one["rate"][a:b].mean()))
                one["count"][b:] += tail
                self.note("new_level_adapting", b, min(self.n, b + 2 * DAY), one, 0)
            return

    def note(self, kind, a, b, series, scored):
        place = (series["server"], series["port"]) if series else ("*", "*")
        self.nuisance.append((kind, a, b, *place, scored))

    def disturb(self):
        r = self.random
        for _ in range(4):
            a, b = self.times(int(r.integers(2, 24)))
            self.have[a:b] = False
            self.note("collector_gap", a, b, None, 0)
        for _ in range(4):  # deploys: one bucket somewhat above the usual, as every Tuesday knows
            one = self.series[int(r.integers(len(self.series)))]
            a, b = self.times(1)
            if one["rate"].mean() > 2:
                one["count"][a:b] += r.poisson(one["rate"][a:b] * 0.5)
                self.note("deploy", a, b, one, 1)
        for _ in range(6):  # part of a bucket was seen
            one = self.series[int(r.integers(len(self.series)))]
            a, b = self.times(1)
            for s in self.series:
                if s["server"] == one["server"]:
                    s["count"][a:b] = r.binomial(s["count"][a:b], 0.4)
            self.note("partial_bucket", a, b, one, 1)
        for date in self.holidays:
            where = [i for i, d in enumerate(self.date) if d == date]
            self.note("holiday", where[0], where[-1] + 1, None, 1)
        offsets = [datetime.fromtimestamp(self.start + i * SPAN, self.zone).utcoffset() for i in range(self.n)]
        for i in range(1, self.n):
            if offsets[i] != offsets[i - 1]:
                self.note("clock_change", i, min(self.n, i + 3 * DAY), None, 1)
        for _ in range(3):  # an incident while nobody scored: the model must not be blinded by it
            one = self.series[int(r.integers(len(self.series)))]
            a = int(r.integers(3 * DAY, self.train - DAY))
            one["count"][a:a + 12] += r.poisson(np.maximum(one["rate"][a:a + 12], 1) * 4)
            self.note("training_incident", a, a + 12, one, 0)
        for one in r.choice(len(self.series), 2, replace=False):
            one = self.series[int(one)]
            a = int(r.integers(self.train, self.n - 2 * DAY))
            one["count"][a:] = r.binomial(one["count"][a:], 0.35)
            one["rate"] = one["rate"] * np.where(np.arange(self.n) >= a, 0.35, 1)
            self.note("level_down", a, self.n, one, 1)

    def fill(self, plan):
        self.disturb()
        if not self.quiet:
            for kind, times in plan.items():
                for _ in range(times):
                    self.incident(kind)

    def time(self, i):
        return datetime.fromtimestamp(self.start + i * SPAN, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def client_rows(self):
        """Who failed, from a day before to an hour after each incident: usual clients with usual shares, and the culprit."""
        r = self.random
        done = {}
        for incident in self.incidents:
            outside = [f"203.0.113.{i}" for i in range(1, 9)]
            for series, added in zip(incident["members"], incident["added"]):
                net = zlib.crc32(f"{series['server']}:{series['port']}".encode()) % 200
                usual = [f"10.9.{net}.{i}" for i in range(1, 25)]
                share = 1 / np.arange(2, 26)
                share = share / share.sum()
                for i in range(max(0, incident["a"] - DAY), min(self.n, incident["b"] + 4)):
                    key = (i, series["server"], series["port"])
                    if key in done or series["label"][i] not in (0, incident["id"]):
                        continue  # told already, or by the incident that it belongs to
                    rows = done.setdefault(key, {})
                    total = int(series["count"][i])
                    due = min(total, int(added[i - incident["a"]])) if series["label"][i] else 0
                    for client, n in zip(usual, r.multinomial(total - due, share)):
                        if n:
                            rows[client] = int(n)
                    if not due:
                        continue
                    field, values = incident["field"], incident["values"]
                    if field == "client":
                        who = values.split()
                    elif field == "client_net":
                        who = [values.replace("0/24", str(h)) for h in range(10, 22)]
                    elif incident["type"] == "syn_flood":
                        who = [f"{r.integers(41, 100)}.{r.integers(256)}.{r.integers(256)}.9" for _ in range(due)]
                    else:
                        who = usual + outside
                    for client, n in zip(who, r.multinomial(due, np.full(len(who), 1 / len(who)))):
                        if n:
                            rows[client] = rows.get(client, 0) + int(n)
        return done

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)

        def table(name, head, rows):
            with open(os.path.join(folder, name), "w", newline="") as file:
                out = csv.writer(file, lineterminator="\n")
                out.writerow(head)
                out.writerows(rows)

        times = [self.time(i) for i in range(self.n + 1)]
        table("series.csv", ["ts", "server", "port", "count"],
              ((times[i], s["server"], s["port"], s["count"][i])
               for i in range(self.n) if self.have[i] for s in self.series))
        table("truth.csv", ["ts", "server", "port", "label", "incident_id", "type"],
              ((times[i], s["server"], s["port"], 1, s["label"][i], s["type"][i])
               for s in self.series for i in np.flatnonzero(s["label"])))
        table("incidents.csv", ["incident_id", "type", "start", "end", "n_series", "culprit_field", "culprit_values",
                                "magnitude", "oracle_z"],
              ((x["id"], x["type"], times[x["a"]], times[x["b"]], x["n"], x["field"], x["values"], x["magnitude"], x["z"])
               for x in self.incidents))
        table("nuisance.csv", ["kind", "start", "end", "server", "port", "note", "scored"],
              ((k, times[a], times[b], server, port, "", scored) for k, a, b, server, port, scored in self.nuisance))
        rows = self.client_rows()
        table("clients.csv", ["ts", "client", "server", "port", "count"],
              ((times[i], client, server, port, n) for (i, server, port), who in sorted(rows.items())
               for client, n in sorted(who.items())))
        meta = dict(seed=self.seed, tz=str(self.zone), bucket_seconds=SPAN, first_scored_bucket=times[self.train],
                    series=[dict(server=s["server"], port=s["port"], archetype=s["kind"],
                                 mean=round(float(s["count"].mean()), 3)) for s in self.series])
        with open(os.path.join(folder, "meta.json"), "w") as file:
            json.dump(meta, file, indent=1)


PLAN = dict(server_outage=4, firewall_block=4, syn_flood=3, brute_force=4, port_scan=4, host_scan=3, congestion=4,
            slow_burn=5, level_shift=3, silent_burst=4)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--zone", default=None)
    p.add_argument("--days", type=int, default=49)
    p.add_argument("--servers", type=int, default=12)
    p.add_argument("--quiet", action="store_true")
    a = p.parse_args()
    world = World(a.seed, a.zone or ZONES[a.seed % len(ZONES)], a.days, a.servers, a.quiet)
    world.fill(PLAN)
    world.write(a.out)


if __name__ == "__main__":
    main()
