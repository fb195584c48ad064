"""procrastinate: five chained jobs an execution."""

import asyncio
import os

import procrastinate
from common import STEPS, Latency, checkpoint, counters, database, executions, report

CLIENTS = 24
COUNT = executions(500)
URL, ADMIN = database("peer_procrastinate")
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL, max_size=CLIENTS + 1))
latency, finished, done = Latency(), asyncio.Event(), 0


@app.task(name="step")
async def step(who, step_number):
    global done
    if step_number < STEPS:
        await step.defer_async(who=who, step_number=step_number + 1)
    else:
        done += 1
        if done == COUNT:
            finished.set()


@app.task(name="late")
async def late(n):
    latency.first(n)


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        checkpoint(ADMIN)
        before = counters(ADMIN)
        await step.batch_defer_async(*[{"who": n, "step_number": 1} for n in range(COUNT)])
        enrolled = counters(ADMIN)
        worker = app.run_worker_async(concurrency=CLIENTS, wait=True, install_signal_handlers=False)
        asyncio.create_task(worker)
        await finished.wait()
        drained = counters(ADMIN)
        await latency.run(lambda n: late.defer_async(n=n))
        report("procrastinate", f"concurrency {CLIENTS}", COUNT, before, enrolled, drained, latency)
        os._exit(0)


asyncio.run(main())
