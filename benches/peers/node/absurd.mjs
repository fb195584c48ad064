// Absurd: one task of five steps. Its schema comes from `absurdctl init` of benches/peers/run.
import pg from 'pg';
import { Absurd } from 'absurd-sdk';
import { Counters, STEPS, executions, gate, latency, report, sleep } from './common.mjs';

const CLIENTS = 32;
const count = executions(3_000);
const url = process.env.ABSURD_DATABASE_URL;
const pool = new pg.Pool({ connectionString: url, max: CLIENTS });
const app = new Absurd({ db: pool, queueName: 'default' });
await app.createQueue('default');
let done = 0;
let first;
const all = gate();
app.registerTask({ name: 'flow' }, async ({ n }, context) => {
  for (let step = 1; step <= STEPS; step++) {
    await context.step(`step-${step}`, async () => {
      if (step === 1) first?.(n);
      return { ok: step };
    });
  }
  if (++done === count) all.open();
  return {};
});
const counters = await new Counters(url).open();
const before = await counters.read();
for (let from = 0; from < count; from += CLIENTS) {
  const length = Math.min(CLIENTS, count - from);
  await Promise.all(Array.from({ length }, () => app.spawn('flow', { n: 0 })));
}
const enrolled = await counters.read();
await app.startWorker({ concurrency: CLIENTS, batchSize: CLIENTS, pollInterval: 0.05 });
await all.opened;
const drained = await counters.read();
await sleep(200);
const times = await latency((n, told) => {
  first = told;
  app.spawn('flow', { n });
});
report('absurd-sdk', `concurrency ${CLIENTS}, polled every 50 ms`, count, [before, enrolled, drained], times);
process.exit(0);
