# SPDX-License-Identifier: GPL-2.0-or-later
"""An iota2 configuration file as fields of the operation `landcover` and of its steps."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from ..errors import InvalidOption
from ..exchange.text import read_text
from .iota2keys import (
    CLASSIFIERS,
    FILES,
    Meaning,
    is_path,
    known_keys,
    meaning_of,
    section_of,
    sensor_of,
)
from .iota2text import read_sections

OTB_OPTIONS = {
    "classifier.rf.min": ("min_samples", int),
    "classifier.rf.max": ("depth", int),
    "classifier.rf.nbtrees": ("trees", int),
    "classifier.rf.var": ("split_features", int),
    "classifier.rf.acc": ("oob_stop", float),
    "classifier.libsvm.c": ("c", float),
    "classifier.libsvm.k": ("kernel", str),
    "classifier.libsvm.gamma": ("gamma", float),
    "classifier.knn.k": ("neighbors", int),
    "classifier.ann.sizes": ("hidden", str),
}
"""Options of Orfeo Toolbox's trainer: field of `trainclassifier` and type."""


@dataclass(frozen=True)
class Configured:
    """What a configuration file asks for.

    `fields` are fields of `landcover`; `steps` those of single operations, {id: {field: value}};
    `sensors` the sensor of each image folder, in the order of the file; `warnings` sentences about
    keys that are unknown or not acted on.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    sensors: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_configured(path: str) -> Configured:
    """Read an iota2 configuration file of either syntax; relative paths are relative to it.

    Raises ImageIOError when the file cannot be read, InvalidOption with the line or the key that
    does not fit.
    """
    title = os.path.basename(path)
    return configured(read_text(path), title, os.path.dirname(os.path.abspath(path)))


def configured(text: str, title: str, folder: str) -> Configured:
    """Return what a configuration text asks for; relative paths are relative to `folder`."""
    reading = _Reading(title, folder)
    for name, entries in read_sections(text, title).items():
        for section, key, value in _keys(section_of(name), entries):
            reading.take(section, key, value)
    return reading.finished()


def _keys(section: str, entries: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (section, key, value); sensors of the current syntax stand inside a section."""
    for key, value in entries.items():
        inner = section_of(key)
        if isinstance(value, dict) and inner in ("sensors", "iota2_feature_extraction"):
            yield from ((inner, name, item) for name, item in value.items())
        else:
            yield section, key, value


class _Reading:
    """Collects the fields that keys mean."""

    def __init__(self, title: str, folder: str) -> None:
        self._title = title
        self._folder = folder
        self._steps: dict[str, dict[str, Any]] = {}
        self._sensors: dict[str, str] = {}
        self._warnings: list[str] = []

    def take(self, section: str, key: str, value: Any) -> None:
        """Put one value where it belongs; a None value leaves the default."""
        if value is None:
            return
        sensor = sensor_of(key) if section == "chain" else None
        if section in ("chain", "obia") and is_path(key):
            value = self._path(value)
        if sensor:
            self._sensors[value] = sensor
            return
        meaning = meaning_of(section, key)
        if meaning is None:
            self._warnings.append(self._unknown(section, key))
        elif meaning.instead:
            self._warnings.append(f"{self._title}: {key} is not used; {meaning.instead}.")
        else:
            self._set(meaning, f"{section}.{key}", value)

    def _path(self, value: Any) -> str:
        """Return a path; a relative one starts at the file."""
        return os.path.normpath(os.path.join(self._folder, str(value)))

    def _set(self, meaning: Meaning, key: str, value: Any) -> None:
        try:
            found = meaning.convert(value)
        except InvalidOption as error:
            raise InvalidOption(f"{self._title}, {key}: {error}") from error
        except (TypeError, ValueError) as error:
            raise InvalidOption(
                f'{self._title}, {key}: "{value}" does not fit: {error}.'
            ) from error
        self._steps.setdefault(meaning.step, {})[meaning.field] = found

    def _unknown(self, section: str, key: str) -> str:
        near = get_close_matches(key.lower(), known_keys(section), 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"{self._title}: the key {section}.{key} is unknown and not used.{hint}"

    def finished(self) -> Configured:
        """Return everything, with the keys that act on others applied."""
        steps = self._steps
        fields = steps.pop("landcover", {})
        self._train(fields, steps)
        self._builders(fields, steps.pop("builders", {}).get("names", ()))
        self._series(fields, steps.pop("series", {}))
        self._context(fields, steps.pop("autocontext", {}))
        self._reduction(steps)
        self._fusion(fields, steps)
        for step, name in FILES:
            if name in steps.get(step, {}):
                steps[step][name] = self._path(steps[step][name])
        if self._sensors:
            fields["images"] = tuple(self._sensors)
        return Configured(fields, steps, self._sensors, tuple(self._warnings))

    def _train(self, fields: dict[str, Any], steps: dict[str, dict[str, Any]]) -> None:
        """Take over the options of Orfeo Toolbox and the selection of samples."""
        otb = steps.pop("otb", {})
        training = steps.setdefault("trainclassifier", {})
        if "classifier" in otb:
            fields["classifier"] = CLASSIFIERS[otb["classifier"]]
            # a decision tree is a forest of one
            training.update({"trees": 1} if otb["classifier"] == "dt" else {})
        for name, value in _options(otb.get("options", {})).items():
            training.update(self._option(name, value))
        if "standardization" in otb:
            training["standardize"] = "yes" if otb["standardization"] else "no"
        if isinstance(training.get("grid"), dict):
            training.update(grid=json.dumps(training["grid"]), tune=True)
        sampling = self._sampling(_lowered(otb.get("selection")), _lowered(otb.get("augmentation")))
        if sampling:
            steps.setdefault("extractsamples", {}).update(sampling)
        if not training:
            del steps["trainclassifier"]

    def _option(self, name: str, value: Any) -> dict[str, Any]:
        """Return the field and value that an option of Orfeo Toolbox means, if it means one."""
        target = OTB_OPTIONS.get(name.lower())
        if target is None:
            self._warnings.append(f"{self._title}: the classifier option {name} is not used.")
            return {}
        try:
            return {target[0]: target[1](value)}
        except (TypeError, ValueError) as error:
            raise InvalidOption(
                f'{self._title}: the classifier option {name} cannot be "{value}".'
            ) from error

    def _sampling(self, selection: dict[str, Any], growing: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of sampling and augmentation; what they say of single models is not."""
        if "per_model" in selection:
            self._warnings.append(
                f"{self._title}: per_model is not used; all models take samples the same way."
            )
        target = growing.get("target_models", ["all"])
        if [str(one).lower() for one in target] != ["all"]:
            self._warnings.append(f"{self._title}: target_models is not used; all models are.")
        found = {**_selection(selection), **_augmented(growing)}
        for name in ("rates", "augment_amount"):
            if str(found.get(name, "")).lower().endswith(".csv"):
                found[name] = self._path(found[name])
        return found

    def _builders(self, fields: dict[str, Any], names: tuple[str, ...]) -> None:
        """Choose what is built; polygons of the map come after it."""
        made = [name for name in names if name != "vectors"]
        if len(made) > 1:
            raise InvalidOption(
                f"{self._title}: one of the builders {', '.join(made)} can be asked for in a run."
            )
        if made:
            fields["builder"] = made[0]
        if "vectors" in names:
            fields.setdefault("last_step", "statistics")

    def _series(self, fields: dict[str, Any], series: dict[str, Any]) -> None:
        if not series.get("gapfilling", True):
            fields["step"] = -1
        if not series.get("additional", True):
            self._steps.get("spectralfeatures", {}).pop("expressions", None)

    def _context(self, fields: dict[str, Any], context: dict[str, Any]) -> None:
        if context.get("enabled"):
            fields["auto_context"] = context.get("iterations", 3)

    def _reduction(self, steps: dict[str, dict[str, Any]]) -> None:
        reduction = steps.pop("reduction", {})
        if reduction.get("enabled"):
            mode = str(reduction.get("mode", "global")).lower()
            steps.setdefault("trainclassifier", {}).update(
                reduce=int(reduction.get("dimension", 4)), reduce_mode=mode
            )

    def _fusion(self, fields: dict[str, Any], steps: dict[str, dict[str, Any]]) -> None:
        """In mode fusion the size limit of regions decides how many models each has."""
        outside = steps.get("splitreference", {}).get("outside")
        if fields.get("fusion") == "fusion" and outside is not None:
            fields["fusion_area"] = outside


def _options(given: Any) -> dict[str, Any]:
    """Return classifier options, configured as a mapping or as `-name value` text."""
    if isinstance(given, dict):
        return given
    words = str(given).split()
    names = [place for place, word in enumerate(words) if word.startswith("-classifier")]
    ends = [*names[1:], len(words)]
    return {words[a][1:]: " ".join(words[a + 1 : b]) for a, b in zip(names, ends)}


def _lowered(given: Any) -> dict[str, Any]:
    """Return a mapping with keys in lower case: `strategy.jitter.stdFactor` is one, too."""
    return {str(n).lower(): v for n, v in given.items()} if isinstance(given, dict) else {}


def _selection(given: dict[str, Any]) -> dict[str, Any]:
    """Return the sampling fields of iota2's `sample_selection`, e.g. strategy `percent.p: 0.1`."""
    found: dict[str, Any] = {}
    if "sampler" in given:
        found["sampler"] = str(given["sampler"]).lower()
    if "sampler.periodic.jitter" in given:
        found["jitter"] = given["sampler.periodic.jitter"]
    if "strategy" in given:
        found["strategy"] = str(given["strategy"]).lower()
    for key, value in given.items():
        if key == "strategy.byclass.in":
            found["rates"] = str(value)
        elif key.startswith("strategy.") and isinstance(value, (int, float)):
            # Orfeo Toolbox writes shares, we write percent
            found["amount"] = 100 * value if key.startswith("strategy.percent") else value
    return found


def _augmented(given: dict[str, Any]) -> dict[str, Any]:
    """Return the augmentation fields of iota2's `sample_augmentation`.

    Raises InvalidOption when the number or the table that it speaks of is missing.
    """
    if not given or not given.get("activate", True):
        return {}
    found: dict[str, Any] = {"augment": str(given.get("strategy", "replicate")).lower()}
    if "samples.strategy" in given:
        kind = str(given["samples.strategy"])
        written = {"minnumber": "minimum:{}", "byclass": "{}"}.get(kind.lower())
        amount = given.get(f"samples.strategy.{kind.lower()}")
        if written and amount is None:
            raise InvalidOption(f"sample_augmentation: samples.strategy.{kind} is missing.")
        found["augment_amount"] = written.format(amount) if written else "balance"
    if "strategy.jitter.stdfactor" in given:
        found["spread"] = given["strategy.jitter.stdfactor"]
    if "strategy.smote.neighbors" in given:
        found["neighbors"] = given["strategy.smote.neighbors"]
    return found
