"""Training of tokenizers from pre-token counts."""
