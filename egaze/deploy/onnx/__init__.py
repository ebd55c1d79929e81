"""Models as ONNX files: writing them from a proved TorchScript program, checking them, and running them."""
