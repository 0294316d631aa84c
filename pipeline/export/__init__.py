"""From a model to files that other programs read.

Every file is loaded back and compared.
safetensors, GGUF, compressed-tensors and ONNX.
"""
