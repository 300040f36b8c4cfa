#!/usr/bin/env python3
"""Detection quality of halfopen beside five baselines on the same labelled sets, as a table for BENCHMARKS.md.

    quality.py --halfopen PATH [--data DIR]... [--methods halfopen,robust_z,spectral,mstl_ets,prophet,rcf] [--out FILE]

Without --data it makes two sets with generate.py. Needs the packages of requirements.txt. No method sees the future: models
are fitted anew each week (scored weeks) on the weeks before. Each baseline is given its best threshold; halfopen has 75.
"""
import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pandas as pd

from evaluate import BUDGETS, Labelled, judge

HERE = os.path.dirname(os.path.abspath(__file__))
DAY, WEEK = 96, 672


def filled(row):
    """Unknown buckets get the value of a week, or else a day, before."""
    out = row.copy()
    for i in np.flatnonzero(np.isnan(out)):
        out[i] = next((out[i - back] for back in (WEEK, DAY, 1) if i >= back and np.isfinite(out[i - back])), 0)
    return out


def weekly(labelled, forecast):
    """Residuals in robust deviations of forecasts made week by week: `forecast(past, steps, past_start)`."""
    out = np.full(labelled.values.shape, -np.inf)
    for row, values in enumerate(labelled.values):
        root = np.sqrt(filled(values))
        for start in range(labelled.first, labelled.n, WEEK):
            end = min(start + WEEK, labelled.n)
            try:
                predicted, fitted = forecast(root[:start], end - start, labelled)
            except Exception as error:  # a series on which a method fails has no alarms of it
                logging.warning("series %s: %s", labelled.keys[row], error)
                continue
            away = root[:start][-len(fitted):] - fitted
            spread = max(0.3, 1.4826 * np.median(np.abs(away - np.median(away))))
            out[row, start:end] = (root[start:end] - predicted) / spread
    out[np.isnan(labelled.values)] = -np.inf
    return out


def robust_z(labelled):
    """Median and MAD of the same time of the week in the weeks before, on square roots."""
    out = np.full(labelled.values.shape, -np.inf)
    root = np.sqrt(labelled.values)
    for start in range(labelled.first, labelled.n):
        past = root[:, start % WEEK:start:WEEK]
        around = np.concatenate([root[:, max(0, s - 1):s + 2] for s in range(start - WEEK, 0, -WEEK)], axis=1)
        middle = np.nanmedian(past, axis=1)
        spread = 1.4826 * np.nanmedian(np.abs(around - middle[:, None]), axis=1)
        out[:, start] = (root[:, start] - middle) / np.maximum(spread, 0.5)
    return np.where(np.isfinite(out), out, -np.inf)


def spectral(labelled, window=DAY, extend=5):
    """Spectral residual (Ren et al. 2019), one bucket at a time over the last day."""
    out = np.full(labelled.values.shape, -np.inf)
    kernel = np.ones(3) / 3
    for row, values in enumerate(labelled.values):
        series = filled(values)
        for t in range(labelled.first, labelled.n):
            part = series[t - window + 1:t + 1]
            slope = np.mean((part[-1] - part[-6:-1]) / np.arange(5, 0, -1))
            part = np.append(part, np.full(extend, part[-5] + slope * 5))
            spectrum = np.fft.fft(part)
            log = np.log(np.abs(spectrum) + 1e-8)
            residual = np.exp(log - np.convolve(log, kernel, "same") + 1j * np.angle(spectrum))
            saliency = np.abs(np.fft.ifft(residual))
            mean = saliency[-extend - 22:-extend - 1].mean()
            out[row, t] = (saliency[-extend - 1] - mean) / (mean + 1e-8) * np.sign(part[window - 1] - np.median(part))
    out[np.isnan(labelled.values)] = -np.inf
    return out


def mstl_ets(labelled):
    """MSTL with a trend of AutoETS, by augurs."""
    import augurs

    def forecast(past, steps, _):
        model = augurs.MSTL.ets([DAY, WEEK])
        model.fit(past)
        return model.predict(steps, None).point(), model.predict_in_sample(None).point()

    return weekly(labelled, forecast)


def prophet(labelled):
    """Prophet with daily and weekly seasons, on square roots."""
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True

    def forecast(past, steps, labelled):
        times = pd.to_datetime((labelled.t0 + np.arange(len(past) + steps)) * 900, unit="s")
        model = Prophet(daily_seasonality=12, weekly_seasonality=True, yearly_seasonality=False, uncertainty_samples=0)
        recent = slice(max(0, len(past) - 4 * WEEK), len(past))
        model.fit(pd.DataFrame(dict(ds=times[recent], y=past[recent])))
        made = model.predict(pd.DataFrame(dict(ds=times[recent.start:]))).yhat.to_numpy()
        return made[-steps:], made[:-steps]

    return weekly(labelled, forecast)


def rcf(labelled, trees=30, samples=256, shingle=8):
    """Random cut forest (Guha et al. 2016) by krcf, which is AWS's implementation, sized as OpenSearch does."""
    from krcf import RandomCutForest

    out = np.full(labelled.values.shape, -np.inf)
    for row, values in enumerate(labelled.values):
        series = np.sqrt(filled(values))
        forest = RandomCutForest(dict(dimensions=1, shingle_size=shingle, num_trees=trees, sample_size=samples,
                                      internal_shingling=True, random_seed=row))
        for t, value in enumerate(series):
            if t >= labelled.first:
                out[row, t] = forest.score([value]) * (1 if value >= np.median(series[t - DAY:t]) else -1)
            forest.update([value])
    out[np.isnan(labelled.values)] = -np.inf
    return out


def halfopen(labelled, program):
    """This product: `halfopen detect --input`."""
    with tempfile.TemporaryDirectory() as folder:
        rows, out = os.path.join(folder, "series.csv"), os.path.join(folder, "scores.csv")
        labelled.counts.to_csv(rows, index=False)
        subprocess.run([program, "detect", "--input", rows, "--time", "ts", "--value", "count", "--by", "server,port",
                        "--function", "high_count", "--bucket-span", "15m", "--timezone", labelled.meta["tz"],
                        "--output", out], check=True)
        return labelled.matrix(pd.read_csv(out))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--halfopen", default="target/debug/halfopen")
    p.add_argument("--data", action="append", default=[])
    p.add_argument("--methods", default="halfopen,robust_z,spectral,mstl_ets,prophet,rcf")
    p.add_argument("--out")
    a = p.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if not a.data:
            for seed in (101, 102):
                a.data.append(os.path.join(folder, str(seed)))
                subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), "--out", a.data[-1], "--seed",
                                str(seed)], check=True)
        sets = [Labelled(path) for path in a.data]
    series = sum(len(s.keys) for s in sets)
    lines = ["| method | " + " | ".join(f"recall at {b}" for b in BUDGETS)
             + " | F1 | false episodes per series-week | median delay, buckets | VUS-PR | CPU s per series |",
             "|---|" + "---|" * (len(BUDGETS) + 5)]
    for name in a.methods.split(","):
        began = os.times()
        method = globals()[name]
        scores = [method(s, a.halfopen) if name == "halfopen" else method(s) for s in sets]
        ended = os.times()
        spent = sum(ended[i] - began[i] for i in range(4)) / series
        x = judge(sets, scores, 75.0 if name == "halfopen" else None)
        lines.append(f"| {name} | " + " | ".join(f"{x['budgets'][b]:.2f}" for b in BUDGETS)
                     + f" | {x['f1']:.2f} | {x['false']:.4f} | {x['delay']:g} | {x['vus']:.2f} | {spent:.2f} |")
        print(lines[-1], time.strftime("%H:%M:%S"), file=sys.stderr, flush=True)
    text = "\n".join(lines) + "\n"
    if a.out:
        with open(a.out, "w") as file:
            file.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
