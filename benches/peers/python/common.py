"""What every peer of Python shares: a database of its own, the server's counters, one line of JSON."""

import asyncio
import json
import os
import time
from importlib.metadata import version
from urllib.parse import urlsplit, urlunsplit

import psycopg

STEPS = 5
TRIGGERS = int(os.environ.get("PEERS_TRIGGERS", 200))
PAUSE = 0.025


def executions(usual):
    """The peer's own number, or what PEERS_EXECUTIONS says."""
    return int(os.environ.get("PEERS_EXECUTIONS", usual))


def database(name):
    """An empty database on the server of PEERS_URL; answers its URL and a connection for the counters."""
    base = os.environ["PEERS_URL"]
    admin = psycopg.connect(base, autocommit=True)
    admin.execute(f"drop database if exists {name} with (force)")
    admin.execute(f"create database {name}")
    return urlunsplit(urlsplit(base)._replace(path=f"/{name}")), admin


def checkpoint(admin):
    try:
        admin.execute("checkpoint")
    except psycopg.errors.InsufficientPrivilege:
        pass  # not everybody may


def counters(admin):
    """WAL bytes and transactions so far, and when that was."""
    wal, xid = admin.execute(
        "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8,"
        " pg_snapshot_xmax(pg_current_snapshot())::text::float8"
    ).fetchone()
    return wal, xid, time.perf_counter()


class Latency:
    """Triggers at a steady rate, and the times until `first` was told of each."""

    def __init__(self):
        self.begun, self.times = {}, []

    def first(self, n):
        if n in self.begun:
            self.times.append((time.perf_counter() - self.begun.pop(n)) * 1e3)

    async def run(self, trigger):
        tasks = []
        for n in range(1, TRIGGERS + 1):
            self.begun[n] = time.perf_counter()
            tasks.append(asyncio.create_task(trigger(n)))
            await asyncio.sleep(PAUSE)
        for _ in range(200):
            if not self.begun:
                break
            await asyncio.sleep(0.05)

    def at(self, share):
        """What never came is infinitely late."""
        index = min(TRIGGERS - 1, int(TRIGGERS * share))
        times = sorted(self.times)
        return rounded(times[index]) if index < len(times) else None


def rounded(value):
    return float(f"{value:.4g}")


def report(peer, setting, count, before, enrolled, drained, latency):
    line = {
        "peer": peer,
        "version": version(peer),
        "language": "Python",
        "setting": setting,
        "executions": count,
        "enrolled_per_s": enrolled and rounded(count / (enrolled[2] - before[2])),
        "executions_per_s": rounded(count / (drained[2] - (enrolled or before)[2])),
        "p50": latency.at(0.5),
        "p99": latency.at(0.99),
        "wal_per_execution": rounded((drained[0] - before[0]) / count),
        "transactions_per_execution": rounded((drained[1] - before[1]) / count),
    }
    print(json.dumps(line), flush=True)
