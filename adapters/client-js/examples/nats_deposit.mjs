/**
 * Deposits over NATS with the stock client, and reads events through a durable consumer.
 *
 *     npm install @nats-io/transport-node@3.3.1 @nats-io/jetstream@3.3.1 wutong-client
 *     node nats_deposit.mjs NETWORK POLICY_FILE POSITION_FILE
 *
 * Addresses and passwords come from the environment: NATS_URL, NATS_PASSWORD (of user
 * `client`) and NATS_EVENTS_PASSWORD (of user `events-public`); `wutong init` writes them into
 * nats.conf. The position file says where the last run stopped reading.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, headers } from '@nats-io/transport-node';
import {
  EventChain,
  buildDeposit,
  generateKey,
  signStatement,
  toHex,
  verify,
  verifyEvent,
  withSalt,
} from 'wutong-client';

const NAMESPACE = 'public';
const [network, policyFile, positionFile] = process.argv.slice(2);
const policy = readFileSync(policyFile, 'utf8');

/** Each user is answered on subjects of its own, which no other user hears. */
const connect = (user, pass) =>
  connectNats({
    servers: process.env.NATS_URL,
    user,
    pass,
    inboxPrefix: `_INBOX.${user}`,
  });

/** An answer; a refusal is told by the headers of the NATS service protocol, the body says why. */
async function ask(nc, verb, payload, waitMs = null) {
  const wait = headers();
  if (waitMs !== null) wait.set('Wutong-Wait-Ms', String(waitMs));
  const options = { timeout: (waitMs ?? 0) + 10_000, headers: wait };
  const answer = await nc.request(`wutong.${network}.v1.tx.${verb}`, payload, options);
  if (answer.headers?.get('Nats-Service-Error-Code')) {
    const problem = answer.json();
    throw new Error(`${problem.status} ${problem.code}: ${problem.detail}; ${problem.next_step}`);
  }
  return answer;
}

async function deposit(nc) {
  const document = randomBytes(32);
  const { deposit: payload, salt } = buildDeposit({ network, namespace: NAMESPACE, document });
  const { entry, id } = await signStatement(await generateKey(), payload);
  // Keep the entry and the salt before you send: sent twice, it commits once.
  let standing = (await ask(nc, 'submit', entry, 30_000)).json();
  while (standing.status === 'pending') {
    await new Promise((resolve) => setTimeout(resolve, 500));
    standing = (await ask(nc, 'status', toHex(id))).json();
  }
  console.log(`${standing.status}: entry ${standing.index} in block ${standing.height}`);
  const receipt = withSalt((await ask(nc, 'receipt', toHex(id))).string(), salt);
  const report = await verify(receipt, policy, { document });
  console.log(`receipt: ${report.verdict}`);
  const value = JSON.stringify({ value: toHex(payload.value) });
  const { statements } = (await ask(nc, 'lookup', value)).json();
  console.log(`lookup: ${statements.length} found, the same: ${statements[0].id === toHex(id)}`);
  await ask(nc, 'submit', 'no statement').catch(({ message }) => {
    console.log(`refused: ${message.split(':')[0]}`);
  });
  return toHex(id);
}

/** Takes each event once; what it saves is where it goes on. */
class Reader {
  constructor(nc) {
    this.nc = nc;
    this.stream = `WUTONG_${network.replaceAll('-', '_')}_EVENTS`;
    this.durable = `events-${NAMESPACE}`;
    this.chain = new EventChain(network, NAMESPACE);
    this.sequence = 0;
    this.missed = null;
    if (existsSync(positionFile)) {
      const saved = JSON.parse(readFileSync(positionFile, 'utf8'));
      this.chain = EventChain.fromJson(JSON.stringify(saved.chain));
      this.sequence = saved.sequence;
    }
  }

  /** Makes the consumer anew, behind the last message that was taken. */
  async attach() {
    const manager = await jetstreamManager(this.nc, { checkAPI: false });
    await manager.consumers.delete(this.stream, this.durable).catch((error) => {
      if (error.code !== 10014) throw error; // There is none.
    });
    // With a name, the subject of the request ends with the filter: the server allows each reader
    // its namespace only.
    await manager.consumers.add(this.stream, {
      name: this.durable,
      durable_name: this.durable,
      ack_policy: AckPolicy.Explicit,
      filter_subject: `wutong.${network}.v1.events.${NAMESPACE}.>`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: this.sequence + 1,
    });
    return jetstream(this.nc, { checkAPI: false }).consumers.get(this.stream, this.durable);
  }

  async *events() {
    let consumer = await this.attach();
    for (;;) {
      for await (const message of await consumer.fetch({ max_messages: 16, expires: 5_000 })) {
        const event = message.json();
        const answer = this.chain.accept(event); // throws BrokenEvent
        if (answer.is === 'gap') {
          if (this.missed === answer.expected) {
            throw new Error(`the stream lacks events from ${answer.expected} on`);
          }
          this.missed = answer.expected;
          consumer = await this.attach();
          break;
        }
        if (answer.is === 'new') {
          await verifyEvent(event, policy); // throws BrokenEvent
          this.sequence = message.info.streamSequence;
          this.missed = null;
          yield event;
          this.save();
        }
        message.ack();
      }
    }
  }

  save() {
    const { chain, sequence } = this;
    writeFileSync(positionFile, JSON.stringify({ chain, sequence }));
  }
}

let nc = await connect('client', process.env.NATS_PASSWORD);
const lodged = await deposit(nc);
await nc.drain();
nc = await connect(`events-${NAMESPACE}`, process.env.NATS_EVENTS_PASSWORD);
const reader = new Reader(nc);
const first = reader.chain.ordinal + 1;
for await (const event of reader.events()) {
  if (event.id !== lodged) continue;
  // The reader is left before it saves by itself.
  reader.save();
  console.log(`events: ${first} to ${event.namespace_ordinal}, receipts verified`);
  break;
}
await nc.close();
