"""Predictions of fine-tuned models."""
