"""The folder of a language model: weights, config and tokenizer files."""
