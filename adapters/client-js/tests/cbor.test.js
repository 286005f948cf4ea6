/** CBOR: one encoding for each value, every other form refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormError, fromHex, toHex } from '../src/bytes.js';
import { CborTag, decodeCbor, encodeCbor } from '../src/cbor.js';

const bytes = (hex) => fromHex(hex);

test('values of RFC 8949 appendix A are written and read', () => {
  const vectors = [
    [0, '00'], [1, '01'], [10, '0a'], [23, '17'], [24, '1818'], [25, '1819'], [100, '1864'],
    [1000, '1903e8'], [1000000, '1a000f4240'], [1000000000000, '1b000000e8d4a51000'],
    [18446744073709551615n, '1bffffffffffffffff'], [-18446744073709551616n, '3bffffffffffffffff'],
    [-1, '20'], [-10, '29'], [-100, '3863'], [-1000, '3903e7'],
    [bytes(''), '40'], [bytes('01020304'), '4401020304'], ['', '60'], ['IETF', '6449455446'],
    ['\u00fc', '62c3bc'], ['\u6c34', '63e6b0b4'], [[], '80'], [[1, 2, 3], '83010203'],
    [[1, [2, 3], [4, 5]], '8301820203820405'], [null, 'f6'],
    [new Map([[1, 2], [3, 4]]), 'a201020304'], [new CborTag(18, [1]), 'd28101'],
  ];
  for (const [value, hex] of vectors) {
    assert.equal(toHex(encodeCbor(value)), hex);
    assert.deepEqual(decodeCbor(bytes(hex), 'vector'), value);
  }
});

test('numbers above 2^53 keep every digit', () => {
  for (const n of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    const read = decodeCbor(encodeCbor(n), 'number');
    assert.equal(BigInt(read), n);
    assert.equal(typeof read, n < 2n ** 53n ? 'number' : 'bigint');
  }
  assert.throws(() => encodeCbor(2 ** 53), FormError);
  assert.throws(() => encodeCbor(2n ** 64n), FormError);
  assert.throws(() => encodeCbor(0.5), FormError);
});

test('map keys are written in bytewise order', () => {
  const map = new Map([[-1, 6], [10, 0], [1, 1]]);
  assert.equal(toHex(encodeCbor(map)), 'a301010a002006');
});

test('every other form is refused', () => {
  const forms = {
    'nothing': '', 'a number in two bytes': '1817', 'in three': '190017', 'in five': '1a00000017',
    'in nine': '1b0000000000000017', 'a long length': '580141', 'a long array': '980101',
    'an indefinite array': '9f01ff',
    'indefinite bytes': '5f4101ff',
    'an indefinite map': 'bf0101ff', 'a break': 'ff', 'false': 'f4', 'undefined': 'f7',
    'a half float': 'f93c00',
    'a double': 'fb3ff0000000000000', 'a simple value': 'f820', 'a reserved length': '1c',
    'a tail': '0000', 'cut bytes': '4401', 'a cut array': '8201', 'a cut head': '19',
    'a huge array': '9bffffffffffffffff', 'huge bytes': '5bffffffffffffffff',
    'keys out of order': 'a203040102', 'a key twice': 'a201020103', 'no UTF-8': '61ff',
    'half a surrogate': '63eda080', 'a tag alone': 'd2', 'a long tag': 'd81201',
    'deep arrays': `${'81'.repeat(40)}00`,
  };
  for (const [what, hex] of Object.entries(forms)) {
    assert.throws(() => decodeCbor(bytes(hex), 'form'), FormError, what);
  }
});
