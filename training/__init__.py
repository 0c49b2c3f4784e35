"""Training of the bundled detector: data, model, loss, evaluation and ONNX export; no service imports it."""
