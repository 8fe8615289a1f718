"""Training of static embeddings."""
