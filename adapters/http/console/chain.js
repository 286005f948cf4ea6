/** The chain as it grows: the newest blocks and the newest deposits. */
import { byId, clockText, make, makeButton, onLanguage, say, setText, shortHash } from './dom.js';
import { showBlock, showStatement } from './details.js';

const ROWS = 8;
/** Deposits come in bursts: the list is drawn so often at most. */
const DRAW_MS = 100;
const BLOCKS_PAUSE_MS = 300;

/** @type {object[]} newest first */
let deposits = [];
let blocks = [];
let drawing = 0;
let asking = false;
let shownHeight = -1;
let liveState = 'connecting';

/** Rows stay as they are while they move down: focus and selection stay with them. */
function drawRows(place, items, keyOf, makeRow) {
  const known = new Map([...place.children].map((row) => [row.dataset.key, row]));
  const rows = items.map((item) => {
    const key = keyOf(item);
    const row = known.get(key) ?? make('li', '', makeRow(item));
    row.dataset.key = key;
    return row;
  });
  const kept = new Set(rows);
  for (const row of [...place.children]) if (!kept.has(row)) row.remove();
  rows.forEach((row, i) => {
    if (place.children[i] !== row) place.insertBefore(row, place.children[i] ?? null);
  });
}

function depositRow(network, event) {
  const row = makeButton('row', '', () => showStatement(network, event.id));
  row.append(
    make('span', 'lead', `#${event.ordinal}`),
    make('span', '', say(event.mode)),
    make('span', 'mono', shortHash(event.id)),
    make('span', 'end', say('inBlock', event.height)),
    make('span', 'end', clockText(event.block_time_ms)),
  );
  return row;
}

function blockRow(network, block) {
  const row = makeButton('row', '', () => showBlock(network, String(block.height)));
  const proposer = block.proposer === null ? say('nobody') : network.title(block.proposer);
  row.append(
    make('span', 'lead', block.height),
    make('span', 'wide', proposer),
    make('span', 'end', say(block.statement_count === 1 ? 'oneDeposit' : 'deposits',
      block.statement_count)),
    make('span', 'end', clockText(block.time_ms)),
  );
  return row;
}

function draw(network) {
  drawRows(byId('deposits'), deposits, ({ id }) => id, (event) => depositRow(network, event));
  drawRows(byId('blocks'), blocks, ({ id }) => id, (block) => blockRow(network, block));
  byId('deposits-none').hidden = deposits.length > 0;
  byId('blocks-none').hidden = blocks.length > 0;
}

/** Draws again in the language of now. */
export function redrawOnLanguage(network) {
  onLanguage(() => {
    byId('deposits').replaceChildren();
    byId('blocks').replaceChildren();
    showLive(liveState);
    if (network.health !== null) draw(network);
  });
}

/** @param {'connecting' | 'live' | 'reconnecting'} state */
export function showLive(state) {
  liveState = state;
  byId('live').dataset.state = state;
  setText(byId('live'), say(state));
}

/** A deposit was published. */
export function addDeposit(network, event) {
  deposits = [event, ...deposits].slice(0, ROWS);
  if (drawing !== 0) return;
  drawing = setTimeout(() => {
    drawing = 0;
    draw(network);
    askBlocks(network, event.height);
  }, DRAW_MS);
}

/** Asks for the newest blocks when there are newer ones than those shown. */
export async function askBlocks(network, height) {
  if (asking || height <= shownHeight) return;
  asking = true;
  try {
    const { status, body } = await network.ask(`/v1/blocks?count=${ROWS}`);
    if (status === 200) {
      blocks = body.blocks;
      shownHeight = blocks[0]?.height ?? 0;
      draw(network);
    }
  } catch {
    // Asked again with the next look.
  }
  setTimeout(() => {
    asking = false;
  }, BLOCKS_PAUSE_MS);
}
