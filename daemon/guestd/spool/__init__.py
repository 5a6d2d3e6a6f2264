"""File copies on disk: the only package that creates, reads and deletes them."""
