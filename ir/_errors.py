"""The one error hierarchy of Spikeloom.

Every layer raises these, so that a caller catches `SpikeloomError` and the
command line prints its message without a traceback.  Anything else that
escapes is a defect of ours.
"""

from __future__ import annotations


class SpikeloomError(Exception):
    """Base of every error that a user can cause and can mend."""


class GraphError(SpikeloomError):
    """A spike graph breaks a rule; the message lists every broken rule."""


class ConfigError(SpikeloomError):
    """A configuration file or an option has a wrong key, type or value."""


class DataError(SpikeloomError):
    """A data file is missing, truncated or not what its name says."""


class BuildError(SpikeloomError):
    """A graph cannot be lowered to, or written as, the requested target."""


class ToolError(SpikeloomError):
    """An external tool is missing, too old or failed."""


class ResourceError(SpikeloomError):
    """A design does not fit the board it was meant for."""


class VerificationError(SpikeloomError):
    """Hardware and reference executor disagree, or could not be compared."""
