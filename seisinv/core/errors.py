"""Errors a user can meet: data (what is wrong, which argument, its value, its limit, a remedy) and one line of text.

The line reads differently in Python and on the command line, where arguments are flags: `units="feet"`, `--units feet`.
So texts name arguments as objects, `Message("pass ", Argument("data.units", "feet"))`, and whoever shows a text chooses
how they are written. As a `str`, a message is the Python text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any
from unicodedata import category

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Argument:
    """An argument in a message.

    Parameters
    ----------
    key : str
        Dotted: the key of the setting that stands for it in a job, `data.units`. The last word is its name in Python.
    value : object, optional
        A value to pass; `...` stands for one that the reader chooses; None: the argument is only named.

    Examples
    --------
    >>> str(Argument("data.units", "feet")), str(Argument("start.spacing", ...)), str(Argument("propagator.vp_max"))
    ('units="feet"', 'spacing=…', 'vp_max')
    """

    key: str
    value: Any = None

    def __str__(self) -> str:
        name = self.key.rpartition(".")[2]
        if self.value is None:
            return name
        value = json.dumps(self.value) if isinstance(self.value, str | dict) else self.value
        return f"{name}={'…' if self.value is ... else value}"


class Code(str):
    """Python code in a message, such as `survey.inside(grid)`: a remedy in Python only.

    Examples
    --------
    >>> Message("drop it with ", Code("survey.inside(grid)")).rendered(lambda code: None) is None
    True
    """


#: Writes an argument or code in a message; None where it cannot be said to this reader.
Say = Callable[[Argument | Code], str | None]


class Message(str):
    """A text that names arguments; as a `str`, what a Python user reads.

    Parameters
    ----------
    *parts : str, Argument, Code or Message
        Joined without spaces.

    Attributes
    ----------
    parts : tuple of str, Argument and Code

    Examples
    --------
    >>> text = Message("metres are assumed (", Argument("data.units", "feet"), " for feet)")
    >>> text
    'metres are assumed (units="feet" for feet)'
    >>> text.rendered(lambda argument: f"--units {argument.value}")
    'metres are assumed (--units feet for feet)'
    """

    parts: tuple[str | Argument | Code, ...]

    def __new__(cls, *parts: str | Argument) -> Self:
        """Join the parts."""
        message = super().__new__(cls, "".join(map(str, parts)))
        message.parts = tuple(p for part in parts for p in (part.parts if isinstance(part, Message) else (part,)))
        return message

    def rendered(self, say: Say) -> str | None:
        """Return the text with arguments and code as `say` writes them; None where it has no words for one of them.

        Parameters
        ----------
        say : function of an Argument or Code
            Returns its text, or None.

        Returns
        -------
        str or None
        """
        words = [say(part) if isinstance(part, Argument | Code) else part for part in self.parts]
        return None if None in words else "".join(map(str, words))


def printable(text: str) -> str:
    r"""Return a text in which characters that would move a terminal or break a line are escaped, as in `\x1b`."""
    return "".join(c if c.isprintable() or category(c) == "Zs" else c.encode("unicode_escape").decode() for c in text)


class SeisinvError(Exception):
    """Base of every error that seisinv raises on purpose; the command line prints it without a traceback.

    `str(error)` is one line: `file: what; limit; remedy, or remedy`. An error with a plain sentence is one too. Control
    characters, which names and keys of others may hold, are escaped.

    Parameters
    ----------
    what : str or Message, optional
        What is wrong. Default: "`argument` is `value` `unit`".
    argument : Argument, optional
        Which argument it concerns.
    value : object, optional
        The value that it has; or the one that is wrong, wherever it comes from.
    unit : str
        Unit of the value.
    limit : str or Message
        What the value must be, in words.
    remedy : str or Message, or several
        What to do, as alternatives.
    file : path, optional
        The file it concerns.

    Attributes
    ----------
    what, argument, value, unit, limit, remedy, file
        As given; `remedy` is a tuple.

    Examples
    --------
    >>> error = ConfigError(argument=Argument("start.every"), value=0, limit="it must be 1 or more")
    >>> str(error), error.value
    ('every is 0; it must be 1 or more', 0)
    """

    def __init__(
        self,
        what: str = "",
        *,
        argument: Argument | None = None,
        value: Any = None,
        unit: str = "",
        limit: str = "",
        remedy: str | Sequence[str] = (),
        file: str | PathLike[str] | None = None,
    ) -> None:
        if not what and argument is not None:
            number = f"{value:g}" if isinstance(value, float) else f"{value!r}"
            what = Message(argument, f" is {number} {unit}".rstrip())
        self.what, self.argument, self.value, self.unit, self.limit, self.file = (
            what,
            argument,
            value,
            unit,
            limit,
            file,
        )
        self.remedy = (remedy,) if isinstance(remedy, str) else tuple(remedy)
        super().__init__(str(self.message))

    @property
    def message(self) -> Message:
        """The whole text, whose arguments are objects."""
        return self._joined(self.remedy)

    def _joined(self, remedies: Sequence[str]) -> Message:
        file = () if self.file is None else (f"{self.file}: ",)
        limit = ("; ", self.limit) if self.limit else ()
        remedy = [word for text in remedies for word in (", or ", text)]
        whole = Message(*file, self.what, *limit, *(["; ", *remedy[1:]] if remedy else ()))
        return Message(*(part if isinstance(part, Argument | Code) else printable(part) for part in whole.parts))

    def rendered(self, say: Say) -> str:
        """Return the line with arguments as `say` writes them, without the remedies that it has no words for.

        Parameters
        ----------
        say : function of an Argument or Code
            Returns its text, or None.

        Returns
        -------
        str
        """
        remedies = [r for r in self.remedy if not isinstance(r, Message) or r.rendered(say) is not None]
        return printable(self._joined(remedies).rendered(say) or str(self))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some of its data changed.

        Parameters
        ----------
        **changes
            `what`, `limit`, `remedy`, … as for the class.

        Returns
        -------
        An error of the same class.
        """
        error = type(self).__new__(type(self))  # not copy.copy: libraries register others for exceptions
        error.__dict__.update({**vars(self), **changes})
        error.args = (str(error.message),)
        return error

    def within(self, place: str | Message) -> Self:
        """Return a copy that says where it happened: `place: what; remedy`.

        Parameters
        ----------
        place : str or Message
            Such as the name of the run or of the setting that it came from.

        Returns
        -------
        An error of the same class.

        Examples
        --------
        >>> print(ModelError("vp holds 3 NaN", remedy="fill them").within("run.truth"))
        run.truth: vp holds 3 NaN; fill them
        """
        file = () if self.file is None else (f"{self.file}: ",)
        return self.replace(what=Message(place, ": ", *file, self.what), file=None)


class GeometryError(SeisinvError, ValueError):
    """A source, receiver or grid does not fit the others.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(GeometryError("shot 3: receiver 2 is outside the model"), SeisinvError)
    True
    """


class ModelError(SeisinvError, ValueError):
    """A subsurface model holds values, units or shapes that cannot be used.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(ModelError("vp holds 3 NaN"), SeisinvError)
    True
    """


class DataError(SeisinvError, ValueError):
    """A file or a gather cannot be used as seismic data.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(DataError("the file has no traces"), SeisinvError)
    True
    """


class StabilityError(SeisinvError, ValueError):
    """A time step, a grid or a wavefield is beyond what the scheme can carry.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(StabilityError("the time step is 20 ms"), SeisinvError)
    True
    """


class ConfigError(SeisinvError, ValueError):
    """A setting is unknown, misspelt or out of range.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(ConfigError("iterations is 0"), SeisinvError)
    True
    """


class RunError(SeisinvError, RuntimeError):
    """A run directory cannot be written, read or resumed.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(RunError("the directory holds no run"), SeisinvError)
    True
    """


class KernelError(SeisinvError, RuntimeError):
    """A kernel could not be generated or compiled.

    Parameters
    ----------
    what : str or Message
        What is wrong; the others as for `SeisinvError`.

    Examples
    --------
    >>> isinstance(KernelError("no C compiler was found"), SeisinvError)
    True
    """
