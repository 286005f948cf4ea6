/** Finding deposits by id, digest, block or file. */
import { toHex } from '/client/bytes.js';
import { sha256Blob } from '/client/hash.js';
import { RECEIPT_BYTES_MAX, parseReceipt } from '/client/receipt.js';
import { statementId } from '/client/statement.js';
import { byId, clockText, make, makeButton, say, shortHash, takeFiles, tell } from './dom.js';
import { showBlock, showStatement } from './details.js';

const HASH_FORM = /^[0-9a-f]{64}$/;
const HEIGHT_FORM = /^(?:0|[1-9][0-9]{0,15})$/;

/** Lets a text be asked for, or a file dropped. */
export function prepareLookup(network) {
  const field = byId('lookup-text');
  const go = () => guarded(() => lookUp(network, field.value.trim().toLowerCase()));
  byId('lookup-go').addEventListener('click', go);
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') go();
  });
  takeFiles('lookup-drop', 'lookup-file', ([file]) => guarded(() => lookUpFile(network, file)));
}

async function guarded(act) {
  byId('lookup-found').replaceChildren();
  tell('lookup-told', '');
  try {
    await act();
  } catch (error) {
    tell('lookup-told', error.message, 'bad');
  }
}

async function lookUp(network, text) {
  if (HEIGHT_FORM.test(text)) {
    await showBlock(network, text);
    return;
  }
  if (!HASH_FORM.test(text)) {
    tell('lookup-told', say('lookupForm'), 'bad');
    return;
  }
  if (await found(network, text)) return;
  for (const [path, show] of [['statements', showStatement], ['blocks', showBlock]]) {
    const { status } = await network.ask(`/v1/${path}/${text}`);
    if (status < 300) {
      await show(network, text);
      return;
    }
  }
  tell('lookup-told', say('lookupNothing'));
}

/** Statements that lodge a value, as a list; false when there are none. */
async function found(network, value) {
  const { status, body } = await network.ask(`/v1/lookup?value=${value}`);
  if (status !== 200) return false;
  tell('lookup-told', say('lookupFound', body.statements.length), 'good');
  const rows = body.statements.map((statement) => {
    const row = makeButton('row', '', () => showStatement(network, statement.id));
    const time = statement.block_time_ms;
    row.append(
      make('span', 'wide', statement.statement?.subject ?? ''),
      make('span', 'mono', shortHash(statement.id)),
      make('span', 'end', time === null ? say('pending') : clockText(time)),
    );
    return make('li', '', row);
  });
  byId('lookup-found').replaceChildren(...rows);
  return true;
}

async function lookUpFile(network, file) {
  if (file.size <= RECEIPT_BYTES_MAX && file.name.endsWith('.tlog-proof')) {
    const { entry } = parseReceipt(new Uint8Array(await file.arrayBuffer()));
    await showStatement(network, toHex(statementId(entry)));
    return;
  }
  const progress = (done, total) =>
    tell('lookup-told', say('reading', total === 0 ? 100 : Math.floor((100 * done) / total)));
  const digest = toHex(await sha256Blob(file, progress));
  if (!(await found(network, digest))) tell('lookup-told', say('lookupNoFile', file.name, digest));
}
