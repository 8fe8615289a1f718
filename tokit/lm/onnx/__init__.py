"""Export of language models to ONNX, and inference in ONNX Runtime."""
