"""The REST API of the platform, and the storage behind presigned URLs."""
