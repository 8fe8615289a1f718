// Encode texts with the tokenizers of transformers.js: a job on standard input, ids on standard output.
const fs = require("node:fs");
const { createRequire } = require("node:module");

const job = JSON.parse(fs.readFileSync(0, "utf8"));
const { Tokenizer } = createRequire(`${job.package}/`)("@huggingface/tokenizers");
const read = (name) => JSON.parse(fs.readFileSync(`${job.folder}/${name}`, "utf8"));
const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
const ids = job.texts.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids);
process.stdout.write(JSON.stringify(ids));
