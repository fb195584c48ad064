// What every peer of Node shares: a database of its own, the server's counters, one line of JSON.
import { readFileSync } from 'node:fs';
import pg from 'pg';

export const STEPS = 5;
/** Triggers of the latency, and the pause between two: 40 a second. */
const TRIGGERS = Number(process.env.PEERS_TRIGGERS ?? 200);
const PAUSE = 25;

/** Executions of a run: the peer's own number, or what PEERS_EXECUTIONS says. */
export const executions = (usual) => Number(process.env.PEERS_EXECUTIONS ?? usual);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
/** The pinned version of a package that is installed here. */
export const version = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

/** A promise and what fulfils it, for the last execution of a drain. */
export function gate() {
  let open;
  const opened = new Promise((done) => (open = done));
  return { open, opened };
}

async function admin(url, ...statements) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** An empty database on the server of PEERS_URL; answers its URL. */
export async function database(name) {
  const base = process.env.PEERS_URL;
  if (!base) throw new Error('PEERS_URL is not set: benches/peers/run says how');
  await admin(base, `drop database if exists ${name} with (force)`, `create database ${name}`);
  const url = new URL(base);
  url.pathname = `/${name}`;
  return url.toString();
}

/** WAL bytes and transactions so far, and when that was. */
export class Counters {
  constructor(url) {
    this.client = new pg.Client({ connectionString: url });
  }
  async open() {
    await this.client.connect();
    await this.client.query('checkpoint').catch(() => {}); // not everybody may
    return this;
  }
  async read() {
    const { rows } = await this.client.query(
      `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as wal,
              pg_snapshot_xmax(pg_current_snapshot())::text::float8 as xid`,
    );
    return { ...rows[0], at: performance.now() };
  }
}

/** Triggers at a steady rate; answers the times until `first` was told of each, in milliseconds. */
export async function latency(trigger) {
  const begun = new Map();
  const times = [];
  const first = (n) => {
    if (!begun.has(n)) return;
    times.push(performance.now() - begun.get(n));
    begun.delete(n);
  };
  for (let n = 1; n <= TRIGGERS; n++) {
    begun.set(n, performance.now());
    trigger(n, first);
    await sleep(PAUSE);
  }
  for (let waited = 0; begun.size > 0 && waited < 10_000; waited += 50) await sleep(50);
  times.sort((a, b) => a - b);
  // What never came is infinitely late.
  const at = (share) => times[Math.min(TRIGGERS - 1, Math.floor(TRIGGERS * share))];
  return { p50: round(at(0.5)), p99: round(at(0.99)) };
}

const round = (value) => (value === undefined ? null : Number(value.toPrecision(4)));

/** The line of a peer. Counters before the enrolment, after it, after the drain. */
export function report(peer, setting, count, [before, enrolled, drained], times) {
  console.log(
    JSON.stringify({
      peer,
      version: version(peer),
      language: 'Node',
      setting,
      executions: count,
      enrolled_per_s: enrolled && round((count / (enrolled.at - before.at)) * 1000),
      executions_per_s: round((count / (drained.at - (enrolled ?? before).at)) * 1000),
      p50: times?.p50 ?? null,
      p99: times?.p99 ?? null,
      wal_per_execution: round((drained.wal - before.wal) / count),
      transactions_per_execution: round((drained.xid - before.xid) / count),
    }),
  );
}
