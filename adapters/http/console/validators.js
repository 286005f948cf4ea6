/** How the network is: the banner, and a card for each validator with a devnet's buttons. */
import { call, parseJson } from '/client/http.js';
import { byId, make, makeButton, say, setText, spanText, tell, visible } from './dom.js';
import { OWN } from './network.js';

const VERBS = ['stop', 'start', 'cut'];
/** A validator that was heard so recently is not silent. */
const SILENT_MS = 3000;

/** @type {Map<string, ReturnType<typeof makeCard>>} by name */
const cards = new Map();
/** The order that the page speaks of, until it is carried out. */
let given = null;

/** Shows what the network says of itself now. */
export function showNetwork(network) {
  const { health } = network;
  if (health !== null) {
    setText(byId('network'), say('networkIs', health.network, health.quorum_size));
    const own = network.base === OWN;
    setText(byId('seen-from'), say(own ? 'seenFromHere' : 'seenFrom', network.title(health.node)));
  }
  byId('demonstration').hidden = !(network.policy?.isDemonstration ?? false);
  showBanner(network);
  showCards(network);
}

function banner(state, title, text) {
  byId('health').dataset.state = state;
  setText(byId('health-title'), title);
  setText(byId('health-text'), text);
}

function showBanner(network) {
  const { health, validators, ownAnswers } = network;
  showOthers(network);
  if (health === null || !network.answers) {
    banner('bad', say('nobodyAnswers'), say('nobodyAnswersText'));
    return;
  }
  if (ownAnswers === false) {
    const own = network.devnet.find(({ url }) => url === OWN);
    const name = own === undefined ? OWN : network.title(own.name);
    const from = network.title(health.node);
    banner('bad', say('ownStopped', name), say('ownStoppedText', from));
    return;
  }
  const missing = health.missing.map((name) => network.title(name));
  const counts = say('counts', validators.length - missing.length, validators.length,
    health.quorum_size);
  if (network.onBoard(health.node)?.state === 'cut') {
    banner('bad', say('ownCut', network.title(health.node)), say('ownCutText'));
  } else if (!health.quorum) {
    banner('bad', say('noQuorum'), say('noQuorumText', missing.join(say('and')), counts));
  } else if (missing.length > 0) {
    const text = say('someMissingText', missing.join(say('and')), counts);
    banner('note', say('someMissing'), text);
  } else {
    banner('good', say('allWell'), say('allWellText', counts));
  }
}

/** Consoles of the validators that run, while this page's own node does not. */
function showOthers(network) {
  const place = byId('health-links');
  const running = network.devnet.filter(({ url, state }) => url !== OWN && state === 'running');
  const wanted = network.ownAnswers === false && running.length > 0;
  place.hidden = !wanted;
  const shown = wanted ? running.map(({ url }) => url).join(' ') : '';
  const key = `${document.documentElement.lang} ${shown}`;
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  if (!wanted) return place.replaceChildren();
  const links = running.map(({ name, url }) => {
    const link = make('a', '', network.title(name));
    link.href = `${url}/`;
    return link;
  });
  place.replaceChildren(say('openAt'), ...links.flatMap((link) => [' ', link]));
}

function makeCard(network, number, { name, organisation }) {
  const heading = make('h3', '', make('span', 'organisation', organisation));
  const [mark, turn] = [make('span', 'mark'), make('span', 'turn')];
  const facts = make('dl', 'facts');
  const values = new Map();
  for (const key of ['height', 'round', 'heard']) {
    const [label, value] = [make('dt', ''), make('dd', '')];
    facts.append(label, value);
    values.set(key, { label, value });
  }
  const problem = make('p', 'told');
  const actions = make('div', 'actions');
  const buttons = new Map(VERBS.map((verb) => {
    const button = makeButton('action', '', () => order(network, number, verb));
    button.dataset.verb = verb;
    return [verb, button];
  }));
  actions.append(...buttons.values());
  const id = make('p', 'node');
  const item = make('li', 'card validator', heading, id, make('p', 'standing', mark, turn), facts,
    problem, actions);
  item.dataset.name = name;
  return { item, mark, values, turn, problem, actions, buttons, id, organisation, name };
}

function showCards(network) {
  const place = byId('validators');
  network.validators.forEach((validator, number) => {
    let card = cards.get(validator.name);
    if (card === undefined) {
      card = makeCard(network, number, validator);
      cards.set(validator.name, card);
      place.append(card.item);
    }
    showCard(network, card, validator);
  });
  byId('orders-hint').hidden = network.devnet.length === 0;
  if (given !== null && network.onBoard(given)?.ordered === null) {
    given = null;
    tell('orders-told', '');
  }
}

function stateOf(network, validator) {
  const board = network.onBoard(validator.name);
  if (!network.answers) return 'unknown';
  if (board?.state === 'stopped') return 'stopped';
  if (board?.state === 'cut') return 'cut';
  return validator.present ? 'present' : 'missing';
}

function heard({ own, silent_ms: silent }) {
  if (silent === null) return say('never');
  return own || silent < SILENT_MS ? say('justNow') : say('ago', spanText(silent));
}

function showCard(network, card, validator) {
  const state = stateOf(network, validator);
  card.item.dataset.state = state;
  setText(card.id, network.isOwn(validator) ? say('ownNode', card.name) : card.name);
  setText(card.mark, say(state));
  const shown = { height: validator.height, round: validator.round, heard: heard(validator) };
  for (const [key, { label, value }] of card.values) {
    setText(label, say(key));
    setText(value, shown[key]);
  }
  const proposes = network.answers && network.proposer() === validator.name;
  setText(card.turn, proposes ? say('proposesNow') : '');
  card.item.classList.toggle('proposer', proposes);
  showOrders(network, card);
}

function showOrders(network, card) {
  const board = network.onBoard(card.name);
  card.actions.hidden = board === undefined;
  if (board === undefined) return;
  const possible = {
    stop: board.state !== 'stopped',
    start: board.state !== 'running',
    cut: board.state === 'running',
  };
  for (const [verb, button] of card.buttons) {
    const heals = verb === 'start' && board.state === 'cut';
    const words = say(heals ? 'heal' : verb === 'cut' ? 'cutOrder' : verb);
    setText(button, board.ordered === verb ? say('underWay') : words);
    button.setAttribute('aria-label', visible(`${words}: ${card.organisation} (${card.name})`));
    button.hidden = !possible[verb];
    // Orders are taken from the devnet's own pages only, so not from here while this node is down.
    button.disabled = board.ordered !== null || network.base !== OWN;
  }
  setText(card.problem, board.problem ?? '');
  card.problem.dataset.kind = board.problem === null ? '' : 'bad';
}

async function order(network, number, verb) {
  const title = network.title(network.validators[number].name);
  try {
    const path = `${OWN}/v1/devnet/validators/${number}/${verb}`;
    const headers = { 'x-wutong-devnet': '1' };
    const { status, text } = await call(path, { method: 'POST', headers });
    const body = parseJson(text);
    if (status !== 202) tell('orders-told', `${body.detail}. ${body.next_step}`, 'bad');
    else {
      given = network.validators[number].name;
      tell('orders-told', say(`${verb}Ordered`, title));
    }
  } catch (error) {
    tell('orders-told', say('notOrdered', error.message), 'bad');
  }
  network.wake();
}
