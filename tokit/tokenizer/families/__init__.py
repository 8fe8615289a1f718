"""The tokenizer families that tokit trains: one file a family."""
