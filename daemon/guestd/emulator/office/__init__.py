"""The platform's back office: what its REST side keeps, as pure as the world it belongs to."""

from .office import Office

__all__ = ["Office"]
