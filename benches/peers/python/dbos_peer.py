"""DBOS Python: one workflow of five steps, started in this process."""

import asyncio
import os

from common import STEPS, Latency, checkpoint, counters, database, executions, report
from dbos import DBOS

CLIENTS = 50
COUNT = executions(1000)
URL, ADMIN = database("peer_dbos_python")
latency = Latency()
DBOS(
    config={
        "name": "peer",
        "system_database_url": URL.replace("postgres://", "postgresql://", 1),
        "sys_db_pool_size": 20,
        "log_level": "ERROR",
        "application_version": "1",
    }
)


@DBOS.step()
async def one(n, step):
    if step == 0:
        latency.first(n)
    return step


@DBOS.workflow()
async def flow(n):
    for step in range(STEPS):
        await one(n, step)


async def main():
    DBOS.launch()
    checkpoint(ADMIN)
    before = counters(ADMIN)
    left = iter(range(COUNT))

    async def client():
        for _ in left:
            await flow(0)

    await asyncio.gather(*[client() for _ in range(CLIENTS)])
    drained = counters(ADMIN)
    await latency.run(flow)
    report("dbos", f"in process, {CLIENTS} at once", COUNT, before, None, drained, latency)
    os._exit(0)


asyncio.run(main())
