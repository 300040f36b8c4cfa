#!/usr/bin/env python3
"""Holds detections against a labelled set: recall of incidents, false episodes per series-week, F1, delay, VUS-PR.

Neither way count: labelled buckets' surroundings (an hour before, three hours after), and nuisances that are not scored.
An alarm that stays on is one more false episode every six hours. What is found of an incident is found by any series.
"""
import json
import os

import numpy as np
import pandas as pd

BEFORE, AFTER, GAP, LONG = 4, 12, 4, 24
BUDGETS = (0.02, 0.05, 0.1, 0.5)


def bucket(times):
    return pd.to_datetime(times, utc=True).astype("datetime64[ns, UTC]").astype("int64") // 10**9 // 900


class Labelled:
    """A set in the form of generate.py."""

    def __init__(self, folder):
        def table(name):
            plain = os.path.join(folder, name)
            return pd.read_csv(plain if os.path.exists(plain) else plain + ".gz")

        with open(os.path.join(folder, "meta.json")) as file:
            self.meta = json.load(file)
        self.keys = [(s["server"], int(s["port"])) for s in self.meta["series"]]
        self.place = {key: i for i, key in enumerate(self.keys)}
        self.counts = table("series.csv")
        t = bucket(self.counts.ts).to_numpy()
        self.t0, self.n = int(t.min()), int(t.max() - t.min() + 1)
        rows = np.array([self.place[key] for key in zip(self.counts.server, self.counts.port)])
        self.values = np.full((len(self.keys), self.n), np.nan)
        self.values[rows, t - self.t0] = self.counts["count"]
        self.first = int(bucket(pd.Series([self.meta["first_scored_bucket"]]))[0]) - self.t0
        self.incidents = table("incidents.csv")
        self.start = dict(zip(self.incidents.incident_id, bucket(self.incidents.start) - self.t0))
        self.label = np.zeros(self.values.shape, int)
        for row in zip(*(lambda x: (x.server, x.port, bucket(x.ts) - self.t0, x.incident_id))(table("truth.csv"))):
            self.label[self.place[row[0], int(row[1])], row[2]] = row[3]
        self.ignored = np.isnan(self.values)
        nuisance = table("nuisance.csv")
        for row in nuisance[nuisance.scored == 0].itertuples():
            a, b = (int(x) - self.t0 for x in bucket(pd.Series([row.start, row.end])))
            where = slice(None) if row.server == "*" else self.place[row.server, int(row.port)]
            self.ignored[where, max(0, a):b] = True
        hit = self.label > 0
        for step in range(1, AFTER + 1):
            self.ignored[:, step:] |= hit[:, :-step]
        for step in range(1, BEFORE + 1):
            self.ignored[:, :-step] |= hit[:, step:]
        self.ignored[:, :self.first] = True
        self.ignored &= ~hit
        self.weeks = np.isfinite(self.values[:, self.first:]).sum() / 672

    def matrix(self, scored):
        """Scores by series and bucket, of a table with time, server, port, score."""
        out = np.full(self.values.shape, -np.inf)
        rows = [self.place[key] for key in zip(scored.server, scored.port.astype(int))]
        out[rows, bucket(scored.time).to_numpy() - self.t0] = scored.score
        return out

    def at(self, scores, threshold):
        """Incidents found with their delay in buckets, and false episodes by series."""
        alarm = scores >= threshold
        alarm[:, :self.first] = False
        found = {}
        for row, t in zip(*np.nonzero(alarm & (self.label > 0))):
            number = self.label[row, t]
            found[number] = min(found.get(number, 10**9), t - self.start[number])
        false = [episodes(np.flatnonzero(row)) for row in alarm & (self.label == 0) & ~self.ignored]
        return found, false

    def vus(self, scores):
        """Mean VUS-PR of the series with incidents (Paparrizos et al. 2022), buffers of 0 to 8 buckets."""
        out = []
        for row in range(len(self.keys)):
            use = ~self.ignored[row] & np.isfinite(self.values[row])
            use[:self.first] = False
            label = self.label[row][use] > 0
            if label.any():
                score = scores[row][use]
                score = np.where(np.isfinite(score), score, score[np.isfinite(score)].min(initial=0))
                out.append(vus_pr(score, label))
        return float(np.mean(out))


def episodes(at):
    if len(at) == 0:
        return 0
    parts = np.split(at, np.flatnonzero(np.diff(at) > GAP) + 1)
    return sum(1 + int(part[-1] - part[0]) // LONG for part in parts)


def vus_pr(score, label, longest=8):
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], label.astype(int), [0]])))
    ranges = list(zip(edges[::2], edges[1::2]))
    best = np.array([score[a:b].max() for a, b in ranges])
    areas = []
    for length in range(0, longest + 1, 2):
        weight = label.astype(float)
        for a, b in ranges:
            for step in range(1, length + 1):
                value = np.sqrt(1 - step / (length + 1))
                for place in (a - step, b - 1 + step):
                    if 0 <= place < len(weight):
                        weight[place] = max(weight[place], value)
        hits = np.cumsum(weight[order])[last]
        recall = np.minimum(1, hits / ((label.sum() + weight.sum()) / 2))
        recall = recall * (best[None, :] >= ordered[last][:, None]).mean(axis=1)
        precision = hits / (last + 1)
        areas.append(np.sum(np.diff(np.concatenate([[0], recall])) * precision))
    return float(np.mean(areas))


def judge(sets, scores, threshold=None):
    """Pooled over sets: the figures at a threshold (None: that of the best F1), and recall at each budget."""
    total = sum(len(s.incidents) for s in sets)
    weeks = sum(s.weeks for s in sets)

    def at(value):
        found, false = zip(*(s.at(x, value) for s, x in zip(sets, scores)))
        delays = [d for f in found for d in f.values()]
        wrong = sum(map(sum, false))
        recall, precision = len(delays) / total, len(delays) / max(1, len(delays) + wrong)
        f1 = 2 * recall * precision / max(1e-9, recall + precision)
        return dict(threshold=float(value), recall=recall, precision=precision, f1=f1, false=wrong / weeks,
                    delay=float(np.median(delays)) if delays else float("nan"))

    finite = np.concatenate([x[np.isfinite(x)] for x in scores])
    levels = np.unique(np.quantile(finite, 1 - np.logspace(-5.3, -1, 60)))
    curve = [at(level) for level in levels]
    budgets = {b: max((c["recall"] for c in curve if c["false"] <= b), default=0.0) for b in BUDGETS}
    chosen = at(threshold) if threshold is not None else max(curve, key=lambda c: c["f1"])
    return dict(chosen, budgets=budgets, vus=float(np.mean([s.vus(x) for s, x in zip(sets, scores)])))
