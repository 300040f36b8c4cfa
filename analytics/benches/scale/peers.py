"""The counts of buckets beside DuckDB and chDB: the same answer from the same Parquet files, in one run.

    python peers.py STORE BUCKETS [HALFOPEN COMMAND...]
    python peers.py --only ENGINE FORM STORE BUCKETS

Asks each engine for the counts of the newest buckets of a store with two threads, in a process of its own: in turn, three
times. Peers are asked for a day of buckets at a time, in two forms: `plain`, with count(DISTINCT), and `steps`
(levels.sql), the quickest one known; a form that an engine cannot do is left out. HALFOPEN COMMAND runs this benchmark's
`counts` (`cargo bench --workspace --bench scale -- counts`). Every column is summed, so that nothing of the answer can
be left out; answers that differ are an error. Needs duckdb and chdb from PyPI.
"""

import glob
import os
import re
import resource
import subprocess
import sys
import time

SPAN = 900_000_000
DAY = 96
SERIES, QUIET = 10_000, 2_500
HERE = os.path.dirname(os.path.abspath(__file__))
SUMS = ["members", "attempts", "failed", "highest", "clients", "servers", "ports"]
OUTCOMES = ["no_answer", "refused", "unreachable", "admin_blocked", "ttl_exceeded", "aborted_orig", "half_open",
            "half_open_reset_orig", "half_open_reset_resp"]


def text_of(name):
    lines = open(os.path.join(HERE, name), encoding="utf-8").read().splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def attempted():
    """What an attempt is, as the product has it."""
    return text_of("../../src/buckets/sql/attempts.sql").split("WHERE", 1)[1].strip()


def steps():
    return text_of("levels.sql").rsplit("ORDER BY", 1)[0]


def plain():
    """What is asked, as one would put it."""
    keys = "bucket, perspective, server_ip, server_port, client_ip"
    failed = "FILTER (WHERE outcome_class = 'failed')"
    outcomes = ", ".join(f"count(*) FILTER (WHERE outcome = '{name}') AS {name}" for name in OUTCOMES)
    ranked = text_of("levels.sql")
    return f"""WITH parts AS (
            SELECT CAST("end" AS BIGINT) / $1 AS bucket, perspective, server_ip, server_port, client_ip, outcome_class, outcome,
                client_ip AS client, server_ip AS server, server_port AS port
            FROM sessions WHERE {{attempted}}
        ),
        grouped AS (
            SELECT {keys}, count(*) AS attempts, count(*) {failed} AS failed,
                count(DISTINCT client) {failed} AS clients, count(DISTINCT server) {failed} AS servers,
                count(DISTINCT port) {failed} AS ports, {outcomes}
            FROM parts
            GROUP BY GROUPING SETS ((bucket, perspective, server_ip, server_port), (bucket, perspective, server_ip),
                (bucket, perspective, server_port), (bucket, perspective, client_ip), (bucket, perspective))
        ),
        series AS (
            SELECT *, CASE WHEN server_ip IS NOT NULL AND server_port IS NOT NULL THEN 'server_port'
                WHEN server_ip IS NOT NULL THEN 'server' WHEN server_port IS NOT NULL THEN 'port'
                WHEN client_ip IS NOT NULL THEN 'client' ELSE 'perspective' END AS level
            FROM grouped
        ),
        {ranked[ranked.index("ranked AS ("):].rsplit("ORDER BY", 1)[0]}"""


def query(form, micros, divide, start, end):
    """The question in a dialect: time of a row in microseconds, whole division."""
    text = {"steps": steps, "plain": plain}[form]().replace("{attempted}", attempted())
    text = text.replace('CAST("end" AS BIGINT) / $1', divide(micros, SPAN))
    text = text.replace('"end" >= $2', f"{micros} >= {start}").replace('"end" < $3', f"{micros} < {end}")
    text = re.sub(r"X'([0-9A-F]+)'", r"unhex('\1')", text)
    text = text.replace("$4", str(SERIES)).replace("$5", str(QUIET))
    return f"SELECT count(*), {', '.join(f'sum({name})' for name in SUMS + OUTCOMES)} FROM ({text}) AS answer"


def measured(name, run):
    """Runs once and prints the answer and what it took."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    start, cpu = time.monotonic(), used()
    answer = run()
    wall, cpu = time.monotonic() - start, used() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name}: {wall:.2f} s, {cpu:.2f} s of processor time, {peak:.0f} MB; answer",
          *(int(value) for value in answer), flush=True)


def peer(engine, form, store, buckets):
    files = sorted(glob.glob(f"{store}/sessions/*/*/*.parquet"))
    import duckdb

    duck = duckdb.connect(config={"threads": 2})
    newest = duck.sql(f"SELECT max(epoch_us(\"end\")) FROM read_parquet({files[-8:]!r})").fetchall()[0][0]
    end = newest // SPAN * SPAN + SPAN
    house = None
    if engine == "chdb":
        from chdb import session

        duck.close()
        house = session.Session()

    def day(start, end):
        hours = {time.strftime("date=%Y-%m-%d/hour=%H", time.gmtime(at / 1e6)) for at in range(start, end, SPAN)}
        if engine == "duckdb":
            chosen = [path for path in files if any(hour in path for hour in hours)]
            text = query(form, 'epoch_us("end")', lambda a, b: f"{a} // {b}", start, end)
            return duck.sql(text.replace("FROM sessions", f"FROM read_parquet({chosen!r})")).fetchall()[0]
        text = query(form, "toUnixTimestamp64Micro(end)", lambda a, b: f"intDiv({a}, {b})", start, end)
        places = f"{store}/sessions/{{{','.join(sorted(hours))}}}/*.parquet"
        text = text.replace("FROM sessions", f"FROM file('{places}', Parquet)")
        text += (" SETTINGS max_threads = 2, group_by_use_nulls = 1, join_use_nulls = 1,"
                 " prefer_column_name_to_alias = 1")
        return house.query(text, "CSV").bytes().decode().strip().split(",")

    def answer():
        starts = range(end - buckets * SPAN, end, DAY * SPAN)
        days = [day(start, min(end, start + DAY * SPAN)) for start in starts]
        return [sum(int(value) for value in column) for column in zip(*days)]

    measured(f"{engine} {form}", answer)


def main():
    """Every engine in turn."""
    if sys.argv[1] == "--only":
        return peer(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    store, buckets, halfopen = sys.argv[1], sys.argv[2], sys.argv[3:]
    commands = {"halfopen": [*halfopen, store, buckets]} if halfopen else {}
    for engine in ("duckdb", "chdb"):
        for form in ("plain", "steps"):
            commands[f"{engine} {form}"] = [sys.executable, __file__, "--only", engine, form, store, buckets]
    answers = {}
    for _ in range(3):
        for name, command in list(commands.items()):
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if ran.returncode:
                print(f"{name}: left out: {' '.join(ran.stderr.split())[-200:]}", flush=True)
                del commands[name]
                continue
            line = ran.stdout.strip().splitlines()[-1]
            told, answers[name] = line.split("; answer")
            print(told, flush=True)
    if len(set(answers.values())) > 1:
        sys.exit(f"the answers differ: {answers}")
    print("all answers are the same:", next(iter(answers.values())))


main()
