"""What tests of the integrations may use."""

from tests.sandbox import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]
