# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: one sub-command for each operation, made from its request."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from types import ModuleType
from typing import Any, NoReturn, TextIO

from . import operations
from .errors import Cancelled, ImageIOError, InvalidOption, OrthoweaveError
from .operations.chain.options import group_of
from .options import Kind, Option, build, options_of, values_of
from .ordering import in_reading_order
from .progress import Progress
from .version import package_version

FAILED, STOPPED = 1, 130
NEGATIVE = re.compile(r"-[\d.]")
LISTED = {Kind.RASTERS: "IMAGE", Kind.VECTORS: "LAYER", Kind.NUMBERS: "NUMBER"}
"""What may be given several times, and what one of it is called."""

ITS_OWN = {
    "-config": "--config",
    "-starting_step": "--first-step",
    "-ending_step": "--last-step",
    "-only_summary": "--dry-run",
    "-scheduler_type": "",
}
"""Arguments of iota2, and the options of `landcover` that they mean."""


def main(arguments: Sequence[str] | None = None, package: ModuleType = operations) -> int:
    """Run one operation of a package; return 0, 1 after an error or 130 when the user stopped it.

    `arguments` are those of the process when not given.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        given = _as_iota2(given) if given[:1] == ["landcover"] else given
        return _run(given, operations.installed(package, only=given[0] if given else ""))
    except OrthoweaveError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except Cancelled:
        sys.stderr.write("Stopped; nothing was left half-written.\n")
        return STOPPED


def _as_iota2(given: list[str]) -> list[str]:
    """Return arguments in which iota2's own, with one hyphen, are those of `landcover`."""
    found, left = list[str](), iter(given)
    for text in left:
        if text not in ITS_OWN:
            found.append(text)
            continue
        name = ITS_OWN[text]
        value = "yes" if text == "-only_summary" else next(left, "")
        if text in ("-starting_step", "-ending_step"):
            value = group_of(value)
        if text != "-scheduler_type":
            found += [name, value]
        elif value == "debug":
            found += ["--threads", "1"]
        elif value == "cluster" and "--scheduler" not in given:
            raise InvalidOption("-scheduler_type cluster needs --scheduler, the address of Dask.")
    return found


def parser(known: Mapping[str, ModuleType]) -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = _Parser(
        prog="orthoweave",
        description=_sentence(sys.modules[(__package__ or "").rpartition(".")[0]]),
    )
    whole.add_argument("--version", action="version", version=f"orthoweave {package_version()}")
    commands = whole.add_subparsers(dest="operation", metavar="operation", title="operations")
    for name, module in known.items():
        text = (module.__doc__ or "").strip()
        command = commands.add_parser(
            name,
            help=_escaped(_sentence(module)),
            description=_escaped(text),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add_options(command, in_reading_order(module.Request))
    return whole


def _run(given: list[str], known: Mapping[str, ModuleType]) -> int:
    if given and given[0] not in known and not given[0].startswith("-"):
        raise InvalidOption(_unheard(given[0], known))
    found, rest = parser(known).parse_known_args(_joined(given))
    if found.operation is None:
        raise InvalidOption(f"Name an operation: {', '.join(known)}. --help says more.")
    module = known[found.operation]
    declared = options_of(module.Request)
    if rest:
        raise InvalidOption(_unknown(rest[0], found.operation, declared))
    values = {name: getattr(found, name) for name in declared}
    request = build(module.Request, {n: v for n, v in values.items() if v is not None})
    stop = threading.Event()
    with _interruptible(stop), _log(found.log) as log:
        lines = Lines(sys.stderr, stop, verbose=found.verbose, log=log)
        result = _listened(module, request, lines)
    _show(result, as_json=found.json)
    return 0


def _listened(module: ModuleType, request: Any, progress: Lines) -> Any:
    with progress:
        return module.run(request, progress)


class Lines(Progress):
    """Progress as lines of text, with a moving last line on a terminal."""

    def __init__(
        self,
        stream: TextIO,
        stop: threading.Event,
        *,
        verbose: bool = False,
        log: TextIO | None = None,
    ) -> None:
        self._stream, self._stop, self._verbose, self._log = stream, stop, verbose, log
        self._moving = stream.isatty()
        self._done, self._doing, self._shown = 0, "", ""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()

    def advance(self, fraction: float) -> None:
        """Move the percentage; it never goes back."""
        self._done = max(self._done, int(100 * min(fraction, 1.0)))
        self._draw()

    def phase(self, text: str) -> None:
        """Show what is being done now."""
        self._doing = text
        self._say(text, aloud=self._verbose)
        self._draw()

    def info(self, text: str) -> None:
        """Show a decision or a number when asked to be verbose."""
        self._say(text, aloud=self._verbose)

    def verdict(self, text: str) -> None:
        """Show how good the result is."""
        self._say(text)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._say(f"Warning: {text}")

    def cancelled(self) -> bool:
        """Return True after Ctrl-C."""
        return self._stop.is_set()

    def _say(self, text: str, *, aloud: bool = True) -> None:
        if self._log:
            self._log.write(f"{text}\n")
        if aloud:
            self._clear()
            self._stream.write(f"{text}\n")

    def _draw(self) -> None:
        columns = shutil.get_terminal_size().columns
        line = f"{self._done:3d} % {self._doing}"[: columns - 1]
        if self._moving and line != self._shown:
            self._clear()
            self._stream.write(line)
            self._stream.flush()
            self._shown = line

    def _clear(self) -> None:
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidOption(f"{message[:1].upper()}{message[1:]}.")


def _sentence(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _add_options(command: argparse.ArgumentParser, declared: Mapping[str, Option]) -> None:
    groups = {
        title: command.add_argument_group(title) for title in ("inputs", "advanced", "outputs")
    }
    for name, option in declared.items():
        title = "advanced" if option.advanced else "inputs"
        group = groups["outputs" if option.kind.destination else title]
        others = [f"--{alias}" for alias in option.aliases if "=" not in alias]
        group.add_argument(_flag_of(name), *others, dest=name, **_shape(option))
        for alias, _, value in (a.partition("=") for a in option.aliases if "=" in a):
            shape = _constant(value, f"The same as {_flag_of(name)}={value}.")
            group.add_argument(f"--{alias}", dest=name, **shape)
    group = command.add_argument_group("this run")
    group.add_argument("--json", action="store_true", help="Write the result as JSON.")
    say = "Say what is done and decided."
    group.add_argument("-v", "--verbose", "--debug", action="store_true", help=say)
    keep = "Write what is done and decided into a file."
    group.add_argument("--log", "--log-file-path", metavar="FILE", help=keep)
    none = _constant(None, "Write no such file, which is the default.")
    group.add_argument("--no-log-file", dest="log", **none)


def _constant(value: str | None, text: str) -> dict[str, Any]:
    return {"action": "store_const", "const": value, "help": _escaped(text)}


def _flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shape(option: Option) -> dict[str, Any]:
    text = _escaped(option.summary + (" Required." if option.required else ""))
    shape: dict[str, Any] = {"help": text, "metavar": option.kind.value.split()[0].upper()}
    if option.kind in LISTED:
        return {**shape, "metavar": LISTED[option.kind], "nargs": "+", "action": "extend"}
    if option.kind is Kind.FLAG:
        return {**shape, "metavar": "yes|no", "nargs": "?", "const": True}
    return shape


def _joined(given: list[str]) -> list[str]:
    """Tie values such as -10,20,0,5 to their option, or argparse takes them for options."""
    tied: list[str] = []
    for text in given:
        if tied and NEGATIVE.match(text) and re.fullmatch(r"--[a-z][\w-]*", tied[-1]):
            tied[-1] += f"={text}"
        else:
            tied.append(text)
    return tied


def _unknown(text: str, operation: str, declared: Mapping[str, Option]) -> str:
    flag = text.partition("=")[0]
    near = get_close_matches(flag, [_flag_of(name) for name in declared], 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{flag} is not an option of {operation}.{hint}"


def _unheard(text: str, known: Mapping[str, ModuleType]) -> str:
    near = get_close_matches(text, known, 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{text} is not an operation.{hint} --help lists them all."


@contextmanager
def _log(path: str | None) -> Iterator[TextIO | None]:
    """Open the file of the log; raises ImageIOError with the reason."""
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "w", encoding="utf-8")) if path else None
        except OSError as error:
            raise ImageIOError(f"The log {path} cannot be written: {error.strerror}.") from error
        yield file


@contextmanager
def _interruptible(stop: threading.Event) -> Iterator[None]:
    """Turn the first Ctrl-C into a request to stop; the second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _show(result: Any, *, as_json: bool) -> None:
    values = {name: value for name, value in values_of(result).items() if value is not None}
    if as_json:
        sys.stdout.write(json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n")
        return
    for name, value in values.items():
        label, unit = options_of(result)[name].label, ""
        listed = value if isinstance(value, list) else [value]
        if listed and isinstance(listed[0], (int, float)):
            label, _, unit = label.partition(", ")
        sys.stdout.writelines(f"{label}: {_text(item)} {unit}".rstrip() + "\n" for item in listed)


def _text(value: Any) -> str:
    """A value for people: nine digits are more than any number here means."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
