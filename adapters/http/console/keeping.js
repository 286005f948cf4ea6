/**
 * What this browser keeps for this origin, in IndexedDB: the depositor's key, which cannot be read
 * out of it, deposits whose receipts were not taken away yet, and the language.
 */

const NAME = 'wutong-console';
const STORES = ['keys', 'jobs', 'choices'];

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => STORES.forEach((store) => asked.result.createObjectStore(store));
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

/** Runs `act` on a store and gives its result once it is on the disk. */
async function within(store, mode, act) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode, { durability: 'strict' });
    const asked = act(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @param {'keys' | 'jobs' | 'choices'} store @param {string} key */
export const kept = (store, key) => within(store, 'readonly', (from) => from.get(key));

/** All of a store. */
export const allKept = (store) => within(store, 'readonly', (from) => from.getAll());

export const keep = (store, key, value) => within(store, 'readwrite', (to) => to.put(value, key));

export const forget = (store, key) => within(store, 'readwrite', (from) => from.delete(key));
