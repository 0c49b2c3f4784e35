"""Answers requests for labels that come over RabbitMQ, as a classifier that `dropmesh classify-dir` works with."""
