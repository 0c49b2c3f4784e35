"""`dropmesh classify-dir`: images of a folder go to a classifier over RabbitMQ, its labels to SQLite."""
