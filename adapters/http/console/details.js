/** What a node tells of a block or a deposit, in a dialogue. */
import { byId, exact, fact, make, makeButton, onLanguage, say, saveText, setText, tell, utcText,
} from './dom.js';

const dialog = () => byId('details');
/** Counts what was opened: a late answer to an earlier question is thrown away. */
let turn = 0;
let shown = () => undefined;

/** Lets the dialogue be closed, and follow the language. */
export function prepareDetails() {
  byId('details-close').addEventListener('click', () => dialog().close());
  dialog().addEventListener('click', (event) => {
    if (event.target === dialog()) dialog().close();
  });
  dialog().addEventListener('close', () => {
    turn += 1;
    shown = () => undefined;
  });
  onLanguage(() => shown());
}

async function open(network, title, path, show) {
  const own = ++turn;
  const draw = (body) => {
    const facts = make('dl', 'facts');
    byId('details-actions').replaceChildren();
    setText(byId('details-title'), title());
    tell('details-told', say('unproven'));
    show(facts, body);
    byId('details-facts').replaceChildren(...facts.children);
  };
  byId('details-facts').replaceChildren();
  byId('details-actions').replaceChildren();
  setText(byId('details-title'), title());
  tell('details-told', say('asking'));
  if (!dialog().open) dialog().showModal();
  try {
    const { status, body } = await network.ask(path);
    if (own !== turn) return;
    if (status >= 300) throw new Error(`${body.detail ?? status}. ${body.next_step ?? ''}`);
    shown = () => draw(body);
    shown();
  } catch (error) {
    if (own === turn) tell('details-told', error.message, 'bad');
  }
}

function link(label, act) {
  return make('dd', 'mono', makeButton('link', label, act));
}

/** @param {string} height decimal, or the id of a block */
export function showBlock(network, height) {
  return open(network, () => say('block', height), `/v1/blocks/${height}`, (facts, block) => {
    setText(byId('details-title'), say('block', block.height));
    fact(facts, say('time'), utcText(block.time_ms));
    const proposer = block.proposer === null ? say('nobody') : network.title(block.proposer);
    fact(facts, say('proposer'), proposer);
    fact(facts, say('round'), block.round);
    fact(facts, say('signedBy'), ...block.signers.map((name) => network.title(name)));
    fact(facts, say('entries'), say('entriesText', block.first_leaf, block.log_size - 1));
    fact(facts, say('blockId'), exact(block.id));
    fact(facts, say('logRoot'), exact(block.log_root));
    fact(facts, say('stateRoot'), exact(block.state_root));
    const deposits = block.statements.map(({ id, code }) =>
      link(code === 0 ? id : `${id} (${say('withoutEffect', code)})`,
        () => showStatement(network, id)));
    fact(facts, say('depositsTitle'), ...(deposits.length > 0 ? deposits : [say('none')]));
  });
}

/** @param {string} id of a statement, hexadecimal */
export function showStatement(network, id) {
  const path = `/v1/statements/${id}`;
  return open(network, () => say('deposit'), path, (facts, found) => {
    const { statement, status } = found;
    fact(facts, say('status'), say(status));
    if (statement) {
      fact(facts, say('subject'), statement.subject);
      fact(facts, say('issuer'), statement.issuer);
      fact(facts, say('namespace'), statement.namespace);
      fact(facts, say('mode'), say(statement.mode));
      fact(facts, say('value'), exact(statement.value));
      fact(facts, say('key'), exact(statement.key));
      if (statement.declared_time_ms !== null) {
        fact(facts, say('declared'), say('notProven', utcText(statement.declared_time_ms)));
      }
    }
    fact(facts, say('statementId'), exact(id));
    if (status !== 'committed') return;
    fact(facts, say('blockTime'), utcText(found.block_time_ms));
    fact(facts, say('place'), say('placeText', found.index));
    fact(facts, say('inChain'), link(say('block', found.height),
      () => showBlock(network, String(found.height))));
    const save = () => saveReceipt(network, id);
    byId('details-actions').append(makeButton('action', say('receiptUnsalted'), save));
  });
}

async function saveReceipt(network, id) {
  try {
    const { status, text } = await network.text(`/v1/statements/${id}/receipt`);
    if (status !== 200) throw new Error(say('noReceiptYet'));
    saveText(`${id.slice(0, 16)}.tlog-proof`, text);
    tell('details-told', say('savedUnsalted'), 'good');
  } catch (error) {
    tell('details-told', error.message, 'bad');
  }
}
