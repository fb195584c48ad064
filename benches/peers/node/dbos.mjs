// DBOS TypeScript: one workflow of five steps, from a queue. Its workers begin while it is still being filled, so
// that the drain is counted from the first enrolment.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { Counters, STEPS, database, executions, gate, latency, report } from './common.mjs';

const CLIENTS = 50;
const count = executions(3_000);
const url = await database('peer_dbos_node');
DBOS.setConfig({
  name: 'peer',
  systemDatabaseUrl: url,
  systemDatabasePoolSize: 20,
  logLevel: 'error',
  applicationVersion: '1',
});
let done = 0;
let first;
const all = gate();
const flow = DBOS.registerWorkflow(
  async (n) => {
    for (let step = 1; step <= STEPS; step++) {
      await DBOS.runStep(
        async () => {
          if (step === 1) first?.(n);
          return step;
        },
        { name: `step-${step}` },
      );
    }
    if (++done === count) all.open();
  },
  { name: 'flow' },
);
await DBOS.launch();
await DBOS.registerQueue('queue', { workerConcurrency: CLIENTS * 4, minPollingIntervalMs: 20 });
const counters = await new Counters(url).open();
const before = await counters.read();
for (let from = 0; from < count; from += CLIENTS) {
  const length = Math.min(CLIENTS, count - from);
  await Promise.all(Array.from({ length }, () => DBOS.startWorkflow(flow, { queueName: 'queue' })(0)));
}
await all.opened;
const drained = await counters.read();
const times = await latency((n, told) => {
  first = told;
  DBOS.startWorkflow(flow, { queueName: 'queue' })(n);
});
report('@dbos-inc/dbos-sdk', 'queue, polled every 20 ms', count, [before, null, drained], times);
process.exit(0);
