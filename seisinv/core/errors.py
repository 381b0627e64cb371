"""Errors a user can meet; each message is one line: argument, value with unit, limit, remedy."""


class SeisinvError(Exception):
    """Base of every error that seisinv raises on purpose; the command line prints it without a traceback."""


class GeometryError(SeisinvError, ValueError):
    """A source, receiver or grid does not fit the others."""


class ModelError(SeisinvError, ValueError):
    """A subsurface model holds values, units or shapes that cannot be used."""


class DataError(SeisinvError, ValueError):
    """A file or a gather cannot be used as seismic data."""


class StabilityError(SeisinvError, ValueError):
    """A time step, a grid or a wavefield is beyond what the scheme can carry."""


class ConfigError(SeisinvError, ValueError):
    """A setting is unknown, misspelt or out of range."""


class RunError(SeisinvError, RuntimeError):
    """A run directory cannot be written, read or resumed."""


class KernelError(SeisinvError, RuntimeError):
    """A kernel could not be generated or compiled."""
