// pg-boss: five chained jobs an execution; the handler takes whole batches.
// Usage: node pg-boss.mjs [batch] [workers]
import PgBoss from 'pg-boss';
import { Counters, STEPS, database, executions, gate, latency, report } from './common.mjs';

const [batch, workers] = [Number(process.argv[2] ?? 2000), Number(process.argv[3] ?? 3)];
const count = executions(10_000);
const url = await database('peer_pg_boss');
const boss = new PgBoss({ connectionString: url, max: 20 });
boss.on('error', (error) => console.error(error.message));
await boss.start();
await boss.createQueue('step');
await boss.createQueue('late');
const counters = await new Counters(url).open();

const before = await counters.read();
for (let from = 0; from < count; from += 1000) {
  const length = Math.min(1000, count - from);
  await boss.insert(Array.from({ length }, (_, n) => ({ name: 'step', data: { who: from + n, step: 1 } })));
}
const enrolled = await counters.read();
let done = 0;
const all = gate();
for (let n = 0; n < workers; n++) {
  await boss.work('step', { batchSize: batch, pollingIntervalSeconds: 0.5 }, async (jobs) => {
    const next = jobs
      .filter(({ data }) => data.step < STEPS)
      .map(({ data }) => ({ name: 'step', data: { who: data.who, step: data.step + 1 } }));
    if (next.length > 0) await boss.insert(next);
    done += jobs.length - next.length;
    if (done === count) all.open();
  });
}
await all.opened;
const drained = await counters.read();

let first;
await boss.work('late', { batchSize: 10, pollingIntervalSeconds: 0.5 }, async (jobs) => {
  for (const { data } of jobs) first(data.n);
});
const times = await latency((n, told) => {
  first = told;
  boss.send('late', { n });
});
report('pg-boss', `batch ${batch}, ${workers} workers`, count, [before, enrolled, drained], times);
process.exit(0);
