/**
 * Deposits as they are published, in order and without a gap: ordinals are dense, so the stream
 * is opened again after the last one that came, here or at another validator.
 */

const PAUSE_MS = 1000;

export class Stream {
  /**
   * @param {() => string} base whom to ask
   * @param {(event: object) => void} onDeposit
   * @param {(state: 'connecting' | 'live' | 'reconnecting') => void} onState
   */
  constructor(base, onDeposit, onState) {
    this.base = base;
    this.onDeposit = onDeposit;
    this.onState = onState;
    this.last = 0;
    this.source = null;
    this.url = '';
    this.timer = 0;
  }

  /** @param {number} after ordinal of the last event that is not wanted */
  start(after) {
    this.last = after;
    this.onState('connecting');
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.url = this.base();
    const source = new EventSource(`${this.url}/v1/events?after=${this.last}`);
    this.source = source;
    source.addEventListener('open', () => this.onState('live'));
    source.addEventListener('deposited', ({ data }) => this.take(source, JSON.parse(data)));
    source.addEventListener('error', () => this.again());
  }

  take(source, event) {
    // A repeat is passed over; an event of a connection that was given up is not counted.
    if (source !== this.source || event.ordinal <= this.last) return;
    if (event.ordinal !== this.last + 1) {
      this.again();
      return;
    }
    this.last = event.ordinal;
    this.onDeposit(event);
  }

  again() {
    this.source?.close();
    this.source = null;
    this.onState('reconnecting');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), PAUSE_MS);
  }

  /** Goes to whoever answers now, when that has changed. */
  follow() {
    if (this.url !== '' && this.url !== this.base()) this.open();
  }
}
