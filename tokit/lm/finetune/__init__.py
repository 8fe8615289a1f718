"""Fine-tuning of language models on labeled examples."""
