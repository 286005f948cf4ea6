// The entry's path to the checkpoint's root, judged by @transmute/rfc9162. It reads the JSON form
// of the receipt. Exit 0 accepted, 1 refused.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The package stands where the install step put it, not beside this file.
const require = createRequire(`${process.env.WUTONG_INTEROP_TOOLS}/package.json`);
const { RFC9162 } = require("@transmute/rfc9162");

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const receipt = JSON.parse(readFileSync(`${process.argv[2]}/receipt.json`, "utf8"));
const leaf = await RFC9162.leaf(bytes(receipt.entry));
const included = await RFC9162.verifyInclusionProof(bytes(receipt.checkpoint.root), leaf, {
  tree_size: receipt.checkpoint.size,
  leaf_index: receipt.index,
  inclusion_path: receipt.path.map(bytes),
});
console.log(included ? `ACCEPTED: entry ${receipt.index}` : "REFUSED: the path leads elsewhere");
process.exitCode = included ? 0 : 1;
