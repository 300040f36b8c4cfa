"""The bucket query in DuckDB and chDB on the same Parquet files.

    python peers.py STORE [BUCKETS]

Runs the product's own query (src/buckets/sql/levels.sql) in each peer's dialect over the newest buckets of a store, all in
one query, three times; the best counts. Needs duckdb and chdb from PyPI. Two threads, as the product has on two cores.
"""

import glob
import os
import re
import resource
import sys
import time

SPAN = 900_000_000
HERE = os.path.dirname(os.path.abspath(__file__))


def used():
    """Processor time of this process, seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(name, run):
    """Runs three times and prints each."""
    for _ in range(3):
        start, cpu = time.monotonic(), used()
        rows = run()
        print(f"{name}: {rows} rows: {time.monotonic() - start:.2f} s, {used() - cpu:.2f} s of processor time", flush=True)


def query(micros, divide, blob, start, end):
    """The bucket query in a dialect: time of a row in microseconds, whole division, a literal of bytes."""
    text = open(os.path.join(HERE, "../../src/buckets/sql/levels.sql"), encoding="utf-8").read()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    text = text.replace('CAST("end" AS BIGINT) / $1', divide(micros, SPAN))
    text = text.replace('"end" >= $2', f"{micros} >= {start}").replace('"end" < $3', f"{micros} < {end}")
    text = re.sub(r"X'([0-9A-F]+)'", lambda found: blob(found[1]), text)
    # The order of the answer is nobody's need here.
    text = text.rsplit("ORDER BY", 1)[0]
    return text.replace("$4", "10000").replace("$5", "2500")


def main():
    """Both peers, one after the other."""
    store, buckets = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 96
    files = sorted(glob.glob(f"{store}/sessions/*/*/*.parquet"))
    import duckdb

    duck = duckdb.connect(config={"threads": 2})
    newest = duck.sql(f"SELECT max(epoch_us(\"end\")) FROM read_parquet({files!r})").fetchall()[0][0]
    end = newest // SPAN * SPAN + SPAN
    start = end - buckets * SPAN
    hours = {time.strftime("date=%Y-%m-%d/hour=%H", time.gmtime(at / 1e6)) for at in range(start, end, SPAN)}
    chosen = [path for path in files if any(hour in path for hour in hours)]

    text = query('epoch_us("end")', lambda a, b: f"{a} // {b}", lambda hexes: f"unhex('{hexes}')", start, end)
    text = text.replace("FROM sessions", f"FROM read_parquet({chosen!r})")
    measure("DuckDB", lambda: duck.sql(f"SELECT count(*) FROM ({text})").fetchall()[0][0])

    from chdb import session

    house = session.Session()
    text = query(
        "toUnixTimestamp64Micro(end)",
        lambda a, b: f"intDiv({a}, {b})",
        lambda hexes: f"unhex('{hexes}')",
        start,
        end,
    )
    places = f"{store}/sessions/{{{','.join(sorted(hours))}}}/*.parquet"
    text = text.replace("FROM sessions", f"FROM file('{places}', Parquet)")
    settings = "SETTINGS max_threads = 2, group_by_use_nulls = 1, join_use_nulls = 1, prefer_column_name_to_alias = 1"
    measure("chDB", lambda: house.query(f"SELECT count() FROM ({text}) {settings}", "CSV").bytes().decode().strip())


main()
