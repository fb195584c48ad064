// graphile-worker: five chained jobs an execution, with its local queue and batched completion.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { Counters, STEPS, database, executions, gate, latency, report } from './common.mjs';

const count = executions(5_000);
const url = await database('peer_graphile_worker');
const utils = await makeWorkerUtils({ connectionString: url });
await utils.migrate();
const counters = await new Counters(url).open();

let done = 0;
let first;
const all = gate();
const taskList = {
  step: async ({ who, step }, helpers) => {
    if (step < STEPS) await helpers.addJob('step', { who, step: step + 1 });
    else if (++done === count) all.open();
  },
  late: async ({ n }) => first(n),
};
const before = await counters.read();
for (let from = 0; from < count; from += 1000) {
  const length = Math.min(1000, count - from);
  await utils.addJobs(Array.from({ length }, (_, n) => ({ identifier: 'step', payload: { who: from + n, step: 1 } })));
}
const enrolled = await counters.read();
const worker = {
  connectionString: url,
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
await run({ preset: { worker }, taskList, logger: new Logger(() => () => {}) });
await all.opened;
const drained = await counters.read();
const times = await latency((n, told) => {
  first = told;
  utils.addJob('late', { n });
});
report('graphile-worker', 'local queue 500, batched completion', count, [before, enrolled, drained], times);
process.exit(0);
