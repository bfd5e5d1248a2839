# SPDX-License-Identifier: GPL-2.0-or-later
"""What each key of an iota2 configuration means here: a field of `landcover` or of one step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidOption

SENSORS = {
    "s2_path": "sentinel2",
    "s2_s2c_path": "sentinel2s2c",
    "s2_l3a_path": "sentinel2l3a",
    "l5_path_old": "landsat5old",
    "l8_path": "landsat8",
    "l8_path_old": "landsat8old",
    "s1_path": "sentinel1",
    "user_feat_path": "userfeatures",
}
"""Keys of image folders, with the sensor of what they hold."""

PATHS = (
    *SENSORS,
    "output_path",
    "nomenclature_path",
    "ground_truth",
    "color_table",
    "region_path",
    "obia_segmentation_path",
)
"""Keys of the sections chain and obia that hold paths."""

FILES = (
    ("extractsamples", "transfer"),
    ("regularizeclasses", "nomenclature"),
    ("regularizeclasses", "inland"),
    ("spectralfeatures", "python_module"),
    ("vectorizeclasses", "zones"),
)
"""Fields of steps (step, field) that hold paths."""

BUILDERS = {
    "i2_classification": "classification",
    "i2_features_map": "features",
    "i2_obia": "objects",
    "i2_vectorization": "vectors",
}
"""What iota2 calls its builders; the last one goes on from a map."""

CLASSIFIERS = {
    **dict.fromkeys(("rf", "sharkrf", "dt"), "rf"),
    **dict.fromkeys(("svm", "libsvm"), "svm"),
    **dict.fromkeys(("ann", "mlp"), "mlp"),
    **dict.fromkeys(("bayes", "maxlik", "normalbayes"), "maxlik"),
    "knn": "knn",
    "best": "best",
}

Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Meaning:
    """Where the value of a key goes.

    `field` is a field of `landcover`, or of the operation `step`; `convert` turns the configured
    value into the field's. Without a field the key is known but not acted on: `instead` says what
    happens.
    """

    field: str = ""
    step: str = "landcover"
    convert: Convert = lambda value: value
    instead: str = ""


def switch(value: Any) -> bool:
    """Return True or False of a configured value.

    Raises InvalidOption when it is neither.
    """
    known = {"true": True, "1": True, "false": False, "0": False}
    low = str(value).strip().lower()
    if low not in known:
        raise InvalidOption(f'"{value}" is neither True nor False.')
    return known[low]


def _turned(value: Any) -> bool:
    return not switch(value)


def _listed(separator: str) -> Convert:
    def convert(value: Any) -> str:
        items = value if isinstance(value, list) else re.split(r"[\s,]+", str(value).strip())
        return separator.join(str(item) for item in items if str(item))

    return convert


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name.lower() for name in _listed(" ")(value).split())


def _crs(value: Any) -> str:
    return f"EPSG:{value}" if isinstance(value, int) else str(value)


def _method(value: Any) -> str:
    name = str(value).lower().replace("majorityvoting", "majority")
    if name not in ("majority", "dempstershafer"):
        raise InvalidOption(f'"{value}" is none of majorityvoting, dempstershafer.')
    return name


def _classifier(value: Any) -> str:
    name = str(value).lower()
    if name not in CLASSIFIERS:
        raise InvalidOption(
            f'the classifier "{value}" does not exist here. Write rf, which serves the same maps, '
            "or svm, mlp, knn, maxlik or best."
        )
    return name


def _mode(value: Any) -> str:
    name = str(value).lower()
    if name not in ("separate", "fusion"):
        raise InvalidOption(f'"{value}" is none of separate, fusion.')
    return name


def _folds(value: Any) -> str:
    return "folds" if switch(value) else "random"


def _builders(value: Any) -> tuple[str, ...]:
    names = tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
    strange = next((name for name in names if name.lower() not in BUILDERS), None)
    if strange is not None:
        raise InvalidOption(f'"{strange}" is none of {", ".join(BUILDERS)}.')
    return tuple(BUILDERS[name.lower()] for name in names)


def _tie(value: Any) -> str:
    return {"maxconfidence": "confidence", "learningpriority": "priority"}.get(
        str(value).lower(), "undecided"
    )


def _to(field: str, step: str = "landcover", convert: Convert = lambda value: value) -> Meaning:
    return Meaning(field, step, convert)


def _not_used(instead: str) -> Meaning:
    return Meaning(instead=instead)


_KEPT = _not_used("every run keeps its own results")
_CHECKED = _not_used("inputs are always checked")
_GROUPED = _not_used("folds always keep the pixels of a polygon together")
_STATUS = _not_used("use the fields RETRIES, MAX_MEMORY and THREADS")

_CHAIN: dict[str, Meaning] = {
    "output_path": _to("output_folder"),
    "remove_output_path": _to("clean"),
    "nomenclature_path": _to("nomenclature"),
    "list_tile": _to("tiles", convert=_listed(" ")),
    "ground_truth": _to("polygons"),
    "data_field": _to("field"),
    "spatial_resolution": _to("resolution", convert=float),
    "color_table": _to("colors"),
    "proj": _to("crs", convert=_crs),
    "first_step": _to("first_step"),
    "last_step": _to("last_step"),
    "runs": _to("runs"),
    "ratio": _to("ratio"),
    "random_seed": _to("seed"),
    "split_ground_truth": _to("split", "splitreference"),
    "enable_cross_validation": _to("method", "splitreference", _folds),
    "cloud_threshold": _to("threshold"),
    "region_path": _to("regions"),
    "region_field": _to("region_field"),
    "mode_outside_regionsplit": _to("outside", "splitreference", float),
    "merge_final_classifications": _to("merge_runs"),
    "merge_final_classifications_method": _to("merge_method", convert=_method),
    "merge_final_classifications_undecidedlabel": _to("undecided", "fuseclassifications"),
    "merge_final_classifications_ratio": _to("hold_out", "splitreference"),
    "dempstershafer_mob": _to("measure", "fuseclassifications"),
    "keep_runs_results": _KEPT,
    "fusionofclassification_all_samples_validation": _not_used(
        "a fusion of runs is tested on polygons that no run learned from"
    ),
    "output_statistics": _not_used("the report always holds the statistics"),
    "remove_tmp_files": _to("keep_intermediate", convert=_turned),
    "check_inputs": _CHECKED,
    "obia_segmentation_path": _to("segments"),
    "enable_autocontext": Meaning("enabled", "autocontext", switch),
    "autocontext_iterations": Meaning("iterations", "autocontext", int),
    "logger_level": _not_used("logs hold everything"),
    "jobs": _STATUS,
}

_RETRIES: dict[str, Meaning] = {
    "allowed_retry": _to("retries"),
    "maximum_ram": _to("max_memory"),
    "maximum_cpu": _to("threads"),
}

_TRAIN: dict[str, Meaning] = {
    "classifier": Meaning("classifier", "otb", _classifier),
    "otb_classifier_options": Meaning("options", "otb"),
    "options": Meaning("options", "otb"),
    "sample_selection": Meaning("selection", "otb"),
    "sample_augmentation": Meaning("augmentation", "otb"),
    "sample_management": _to("transfer", "extractsamples"),
    "dempster_shafer_sar_opt_fusion": _to("sensor_fusion"),
    "random_seed": _to("seed"),
    "annual_crop": _not_used("annual crop replacement is not offered"),
    "crop_mix": _not_used("annual crop replacement is not offered"),
    "features": _to("indices", convert=_names),
}

_CLASSIFY: dict[str, Meaning] = {
    "classif_mode": _to("fusion", convert=_mode),
    "no_label_management": _to("tie", "fuseclassifications", _tie),
    "enable_probability_map": _to("probability"),
    "fusion_options": _not_used("use the fields of fuseclassifications"),
}

_SENSOR: dict[str, Meaning] = {
    "temporal_resolution": _to("step"),
    "start_date": _to("start", "gapfill", str),
    "end_date": _to("end", "gapfill", str),
    "keep_bands": _to("band_names", "stacktimeseries", _listed(",")),
    "additional_features": _to("expressions", "spectralfeatures", _listed(",")),
    "write_reproject_resampled_input_dates_stack": _not_used("stacks are views, not files"),
    "arborescence": _not_used("folders are recognized by themselves"),
    "patterns": _to("band_names", "stacktimeseries", _listed(",")),
}

_FEATURES: dict[str, Meaning] = {
    "auto_date": _not_used("dates without start and end are taken from the images"),
    "use_gapfilling": Meaning("gapfilling", "series", switch),
    "use_additional_features": Meaning("additional", "series", switch),
    "write_outputs": _to("write_features"),
    "features": _to("indices", convert=_names),
    "proj": _to("crs", convert=_crs),
    "copy_input": _to("keep_bands", "spectralfeatures"),
    "relrefl": _to("relative", "spectralfeatures"),
    "rel_refl": _to("relative", "spectralfeatures"),
    "keep_duplicates": _to("keep_duplicates", "spectralfeatures"),
    "extract_bands": _not_used("name the bands with keep_bands"),
    "acorfeat": _to("corrected", "spectralfeatures"),
}

_REDUCE: dict[str, Meaning] = {
    "dim_red": Meaning("enabled", "reduction", switch),
    "target_dimension": Meaning("dimension", "reduction"),
    "reduction_mode": Meaning("mode", "reduction"),
}

_SCIKIT: dict[str, Meaning] = {
    "model_type": _not_used("use arg_train.classifier"),
    "cross_validation_folds": _to("folds", "trainclassifier"),
    "cross_validation_grouped": _GROUPED,
    "cross_validation_parameters": _to("grid", "trainclassifier"),
    "standardization": Meaning("standardization", "otb", switch),
}

_EXTERNAL: dict[str, Meaning] = {
    "module": _to("python_module", "spectralfeatures"),
    "functions": _to("functions", "spectralfeatures"),
    "chunk_size_y": _to("function_rows", "spectralfeatures"),
    "chunk_size_x": _to("function_columns", "spectralfeatures"),
    **dict.fromkeys(
        ("chunk_size_mode", "number_of_chunks", "output_name", "concat_mode"),
        _not_used("windows are chosen by FUNCTION_ROWS and FUNCTION_COLUMNS"),
    ),
}

_SIMPLIFY: dict[str, Meaning] = {
    "umc1": _to("umc1", "regularizeclasses"),
    "umc2": _to("umc2", "regularizeclasses"),
    "rssize": _to("resolution", "regularizeclasses"),
    "nomenclature": _to("nomenclature", "regularizeclasses"),
    "inland": _to("inland", "regularizeclasses"),
    "douglas": _to("tolerance", "vectorizeclasses"),
    "hermite": _to("smooth", "vectorizeclasses"),
    "mmu": _to("mmu", "vectorizeclasses"),
    "angle": _to("corners", "vectorizeclasses"),
    "blocksize": _to("block", "vectorizeclasses"),
    "clipfile": _to("zones", "vectorizeclasses"),
    "clipfield": _to("zone_field", "vectorizeclasses"),
    "clipvalue": _to("zone_value", "vectorizeclasses"),
    "outprefix": _to("prefix", "vectorizeclasses"),
    "lcfield": _to("class_field", "vectorizeclasses"),
    "dozip": _to("zip", "vectorizeclasses"),
    "statslist": _not_used("shares, confidence and validity are all written"),
    **dict.fromkeys(
        ("gridsize", "grasslib", "bingdal", "chunk", "systemcall", "classification"),
        _not_used("no other program is called"),
    ),
}

_OBJECTS: dict[str, Meaning] = {
    "obia_segmentation_path": _to("segments"),
    "buffer_size": _to("buffer", "objectstatistics", int),
    "stats_used": _to("statistics", "objectstatistics", _names),
    "full_learn_segment": _not_used("objects always count as a whole"),
    "region_priority": _not_used("the model of a region classifies the pixels in it"),
}

_COREGISTRATION = _not_used("run the co-registration algorithms before the chain")

SECTIONS: Mapping[str, Mapping[str, Meaning]] = {
    "chain": _CHAIN,
    "arg_train": _TRAIN,
    "arg_classification": _CLASSIFY,
    "sensors": _SENSOR,
    "sensors_data_interpolation": _FEATURES,
    "iota2_feature_extraction": _FEATURES,
    "globchain": _FEATURES,
    "dim_red": _REDUCE,
    "scikit_models_parameters": _SCIKIT,
    "external_features": _EXTERNAL,
    "simplification": _SIMPLIFY,
    "coregistration": {},
    "obia": _OBJECTS,
    "python_data_managing": _EXTERNAL,
    "task_retry_limits": _RETRIES,
    "builders": {"builders_class_name": Meaning("names", "builders", _builders)},
}
"""Sections by name, lower case, with the keys that each knows."""

_OLDER = {
    "argtrain": "arg_train",
    "argclassification": "arg_classification",
    "sentinel_2": "sensors",
    "sentinel_2_s2c": "sensors",
    "sentinel_2_l3a": "sensors",
    "sentinel_1": "sensors",
    "landsat5_old": "sensors",
    "landsat8": "sensors",
    "landsat8_old": "sensors",
    "userfeat": "sensors",
    "dimred": "dim_red",
    "iota2featureextraction": "iota2_feature_extraction",
}


def section_of(name: str) -> str:
    """Return the section that a name of either syntax means; the name itself if none."""
    low = name.lower()
    return _OLDER.get(low, _OLDER.get(low.replace("_", ""), low))


def meaning_of(section: str, key: str) -> Meaning | None:
    """Return what a key means; snake_case and the older camelCase are the same; None if unknown."""
    if section == "coregistration":
        return _COREGISTRATION
    known = {**_RETRIES, **SECTIONS.get(section, {})}
    plain = {_plain(name): meaning for name, meaning in known.items()}
    return plain.get(_plain(key))


def known_keys(section: str) -> tuple[str, ...]:
    """Return the names of the keys that a section knows."""
    paths = tuple(SENSORS) if section == "chain" else ()
    return (*SECTIONS.get(section, {}), *_RETRIES, *paths)


def sensor_of(key: str) -> str | None:
    """Return the sensor whose images a key of section chain names; None for other keys."""
    return {_plain(name): sensor for name, sensor in SENSORS.items()}.get(_plain(key))


def is_path(key: str) -> bool:
    """Return True when a key of section chain or obia holds a path."""
    return _plain(key) in map(_plain, PATHS)


def _plain(key: str) -> str:
    return key.lower().replace("_", "")
