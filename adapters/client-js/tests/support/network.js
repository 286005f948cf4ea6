/** A small network with a log, seals and outcomes, and receipts from it; keys are made here. */
import { concat, toBigEndian64, toHex, utf8 } from '../../src/bytes.js';
import { encodeCbor } from '../../src/cbor.js';
import { generateKey, signStatement } from '../../src/keys.js';
import { MerkleTree, leafHash } from '../../src/merkle.js';
import { KEY_TYPES, verifierKey, verifierKeyText } from '../../src/note.js';
import { cosignedMessage, noteText, signatureLine, treeHeadText } from '../../src/note.js';
import { parseReceipt, receiptText } from '../../src/receipt.js';
import { buildDeposit, statementId } from '../../src/statement.js';

export const NETWORK = 'trial';
export const ORIGIN = 'ledger.example/trial';
export const TIME_S = 1_700_000_100;
export const DOCUMENT = utf8('the deposited document\n');

const ZERO = new Uint8Array(32);

/** Validators of one epoch: a log key and four cosigners, three of whom must sign. */
export async function makeEpoch(label, origin = ORIGIN) {
  const log = await generateKey();
  const cosigners = [];
  for (let i = 1; i <= 4; i++) {
    const key = await generateKey();
    cosigners.push({ key, name: `v${i}.${label}.example`, organisation: `Court ${i} (${label})` });
  }
  const named = (name, type, key) => verifierKeyText(verifierKey(name, type, key.publicKey));
  const witnesses = cosigners.map(({ key, name, organisation }, i) => {
    const line = `witness v${i + 1} ${named(name, KEY_TYPES.cosigner, key)}`;
    return `# organisation v${i + 1} ${organisation}\n${line}\n`;
  });
  const policy =
    `log ${named(origin, KEY_TYPES.log, log)}\n${witnesses.join('')}` +
    'group validators 3 v1 v2 v3 v4\nquorum validators\n';
  return { origin, log, cosigners, policy };
}

/** The entry that publishes an epoch's policy. */
export function policyEntry(epochNumber, epoch, network = NETWORK) {
  const keys = epoch.cosigners.map(({ key }, i) => [`v${i + 1}`, key.publicKey]);
  return encodeCbor([1, network, epochNumber, epoch.policy, keys]);
}

/** The checkpoint's note, signed by the log and by the cosigners at `signers`. */
export async function signHead(epoch, head, signers = [0, 1, 2]) {
  const text = treeHeadText(head);
  const idOf = (name, type, key) => verifierKey(name, type, key.publicKey).keyId;
  const log = {
    name: head.origin,
    keyId: idOf(head.origin, KEY_TYPES.log, epoch.log),
    bytes: await epoch.log.sign(utf8(text)),
  };
  const lines = [];
  for (const i of signers) {
    const { key, name } = epoch.cosigners[i];
    const time = TIME_S + i;
    const signature = await key.sign(cosignedMessage(time, text));
    const keyId = idOf(name, KEY_TYPES.cosigner, key);
    lines.push({ name, keyId, bytes: concat(toBigEndian64(time), signature) });
  }
  lines.sort((a, b) => (signatureLine(a) < signatureLine(b) ? -1 : 1));
  return { text, signatures: [log, ...lines] };
}

/** An append-only log of blocks; `leaves` are leaf hashes. */
export class FakeLedger {
  constructor(network = NETWORK) {
    this.network = network;
    this.leaves = [leafHash(utf8('genesis'))];
    this.places = new Map();
    this.height = 0;
  }

  /** One block of entries; `code` is the outcome of each. */
  addBlock(entries, code = 0) {
    this.height += 1;
    const firstLeaf = this.leaves.length;
    const outcomes = entries.map((entry) => encodeCbor([statementId(entry), code, null]));
    const tree = new MerkleTree(outcomes.map(leafHash));
    this.leaves.push(...entries.map(leafHash));
    const seal = encodeCbor([
      1, this.network, this.height, 1_700_000_000_000 + this.height * 1000, ZERO, firstLeaf,
      tree.root, ZERO, ZERO, 1,
    ]);
    this.leaves.push(leafHash(seal));
    entries.forEach((entry, i) => {
      const outcome = { bytes: outcomes[i], index: i, count: tree.size, path: tree.path(i) };
      const sealIndex = firstLeaf + entries.length;
      this.places.set(toHex(entry), { index: firstLeaf + i, outcome, seal, sealIndex });
    });
  }

  head(origin = ORIGIN) {
    const tree = new MerkleTree(this.leaves);
    return { origin, size: tree.size, root: tree.root };
  }

  /** The receipt of an entry by `epoch`, as a node gives it. */
  async receipt(entry, epoch, { signers, chain = [], origin } = {}) {
    const tree = new MerkleTree(this.leaves);
    const { index, outcome, seal, sealIndex } = this.places.get(toHex(entry));
    return receiptText({
      entry,
      salt: null,
      batch: null,
      index,
      path: tree.path(index),
      outcome,
      seal: { bytes: seal, index: sealIndex, path: tree.path(sealIndex) },
      chain,
      checkpoint: await signHead(epoch, this.head(origin), signers),
    });
  }

  /** A link: the policy entry under the log's present head, signed by `epoch`. */
  async link(entry, epoch, signers) {
    const tree = new MerkleTree(this.leaves);
    const { index } = this.places.get(toHex(entry));
    const note = await signHead(epoch, this.head(), signers);
    return { entry, index, path: tree.path(index), checkpoint: noteText(note) };
  }
}

/** The same receipt with parts changed. */
export function altered(text, change) {
  const receipt = parseReceipt(text);
  return receiptText({ ...receipt, ...change(receipt) });
}

/** A signed deposit of DOCUMENT, or of what `wish` says, with its salt. */
export async function makeDeposit(wish = {}, key = undefined) {
  const common = { network: NETWORK, namespace: 'notary', document: DOCUMENT };
  const { deposit, salt } = buildDeposit({ ...common, ...wish });
  const claims = { issuer: 'urn:example:notary', subject: 'case 2026-17' };
  const signed = await signStatement(key ?? (await generateKey()), deposit, claims);
  return { ...signed, salt };
}

/** Names of the checks that refuse. */
export const refusedBy = (report) => report.failures.map(({ check }) => check);
