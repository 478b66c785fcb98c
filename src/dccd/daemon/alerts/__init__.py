"""Turn notices that are owed into messages, and bring them to their destinations."""

__all__: list[str] = []
