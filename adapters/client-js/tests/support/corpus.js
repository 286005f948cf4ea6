/** The receipts that the Rust verifier's tests keep: both verifiers are held to them. */
import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = new URL('../../../../messages/tests/corpus/', import.meta.url);
const read = (path) => new Uint8Array(readFileSync(new URL(path, FOLDER)));

export const CORPUS_POLICY = new TextDecoder().decode(read('policy.txt'));
/** The policy of the later epoch, by which the receipts of `later` are judged. */
export const LATER_POLICY = new TextDecoder().decode(read('later-policy.txt'));
export const CORPUS_DOCUMENT = read('document.txt');

/**
 * @param {'accepted' | 'later' | 'refused'} folder
 * @returns {{name: string, bytes: Uint8Array}[]}
 */
export function corpus(folder) {
  return readdirSync(new URL(`${folder}/`, FOLDER))
    .filter((file) => file.endsWith('.tlog-proof'))
    .sort()
    .map((file) => ({ name: file.replace('.tlog-proof', ''), bytes: read(`${folder}/${file}`) }));
}
