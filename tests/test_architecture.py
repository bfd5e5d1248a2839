# SPDX-License-Identifier: GPL-2.0-or-later
"""Walk the imports: arrows point one way, and what may be reached only in one place is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LEAVES = ("errors", "options", "ordering", "progress", "deps", "stage", "installing", "version")
ARRAYS = ("radiometry", "seams", "report", "masks", "landcover", "sample")
TIERS = (
    LEAVES,
    ("windows", "grid", "image", "alike", "writable"),
    ("transform",),
    ("matching",),
    ARRAYS,
    ("requests",),
    ("raster", "vector"),
    ("executor", "cluster", "placement", "clock", "room"),
    ("survey", "tally", "write", "provenance", "resuming"),
    ("displacements", "registration"),
    ("exchange",),
    ("normalizing", "workflow"),
    ("mosaicking",),
    ("operations",),
    ("cli",),
)
"""What stands in a tier may import what stands before it; in an array package, only its own."""

GDAL_HOMES = ("raster", "vector")
OPTIONAL = ("cv2", "scipy", "shapely", "matplotlib", "distributed", "dask", "skimage", "sklearn")
POOLS = ("ThreadPoolExecutor", "ProcessPoolExecutor", "ThreadPool", "Pool", "Process")
GLOBAL_STATE = (
    *("UseExceptions", "DontUseExceptions", "SetConfigOption", "SetCacheMax", "seterr"),
    *("set_printoptions", "setlocale", "chdir", "putenv", "setNumThreads", "use"),
)


@dataclass(frozen=True)
class Module:
    """A file of the product with its dotted name inside the package."""

    path: Path

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The dotted name: ("core", "raster", "source")."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @property
    def place(self) -> str:
        """What of core it belongs to: the first name below core."""
        return self.parts[1] if len(self.parts) > 1 else ""

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, walked once for all tests."""
        return tuple(ast.walk(self.tree))

    def outside(self) -> Iterator[str]:
        """Full names of what is imported from other packages."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module or ""

    def inside(self) -> Iterator[tuple[str, ...]]:
        """Dotted names of what is imported from our own package, names included."""
        package = self.parts if self.path.name == "__init__.py" else self.parts[:-1]
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = package[: len(package) - node.level + 1]
                base += tuple((node.module or "").split(".")) if node.module else ()
                yield from ((*base, alias.name) for alias in node.names)


def modules(*folders: str) -> list[Module]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [Module(path) for path in paths]


CORE = modules("core")
PRODUCT = [
    *CORE,
    *modules("algorithms", "provider"),
    *(Module(path) for path in sorted(ROOT.glob("*.py"))),
]


def rank(place: str) -> int:
    return next(index for index, tier in enumerate(TIERS) if place in tier)


def offenders(found: Iterator[str]) -> str:
    return "\n" + "\n".join(sorted(set(found)))


def known(place: str) -> bool:
    return any(place in tier for tier in TIERS)


def test_everything_in_core_has_a_tier():
    homeless = {module.name for module in CORE if module.place and not known(module.place)}
    assert not homeless, "give each a place in TIERS, as low as its imports allow"


def arrows() -> Iterator[tuple[Module, str]]:
    """Each import of one place of core by another."""
    for module in filter(lambda module: known(module.place), CORE):
        for target in module.inside():
            if target[0] == "core" and known(target[1]):
                yield module, target[1]


def test_no_import_points_back():
    back = (
        f"{module.name} imports {place}"
        for module, place in arrows()
        if rank(place) > rank(module.place)
    )
    found = offenders(back)
    assert not found.strip(), found


def test_array_packages_do_not_know_each_other():
    across = (
        f"{module.name} imports {place}"
        for module, place in arrows()
        if module.place in ARRAYS and place in ARRAYS and place != module.place
    )
    found = offenders(across)
    assert not found.strip(), found


def test_no_two_places_import_each_other():
    pairs = {(module.place, place) for module, place in arrows() if module.place != place}
    found = offenders(f"{a} and {b}" for a, b in pairs if (b, a) in pairs)
    assert not found.strip(), found


def test_core_knows_nothing_above_it():
    above = (
        f"{module.name} imports {'.'.join(target)}"
        for module in CORE
        for target in module.inside()
        if target[0] != "core"
    )
    found = offenders(above)
    assert not found.strip(), found


@pytest.mark.parametrize("package", ["qgis", "PyQt5", "PyQt6", "processing"])
def test_core_never_imports_qgis(package):
    found = importers(CORE, package)
    assert not found.strip(), found


@pytest.mark.parametrize("package", ["PyQt5", "PyQt6", "sip"])
def test_qt_is_reached_through_qgis(package):
    found = importers(PRODUCT, package)
    assert not found.strip(), found


def test_gdal_is_touched_only_by_raster_and_vector():
    found = importers([m for m in PRODUCT if m.place not in GDAL_HOMES], "osgeo")
    assert not found.strip(), found


@pytest.mark.parametrize("package", OPTIONAL)
def test_optional_packages_are_reached_only_through_deps(package):
    found = importers(PRODUCT, package)
    assert not found.strip(), found


def test_pools_are_opened_only_by_the_executor():
    pools = (
        f"{module.name}:{node.lineno} {node.id}"
        for module in PRODUCT
        for node in module.nodes
        if isinstance(node, ast.Name) and node.id in POOLS and module.name != "core.executor"
    )
    found = offenders(pools)
    assert not found.strip(), found


def test_a_cluster_is_reached_only_in_one_place():
    calls = (
        f"{module.name}:{node.lineno}"
        for module in CORE
        for node in module.nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "require"
        and getattr(node.args[0], "value", "").startswith(("dask", "distributed"))
        and module.name != "core.cluster"
    )
    found = offenders(calls)
    assert not found.strip(), found


def importers(among: list[Module], package: str) -> str:
    return offenders(
        f"{module.name} imports {name}"
        for module in among
        for name in module.outside()
        if name.partition(".")[0] == package
    )


def test_our_own_package_is_imported_relatively():
    found = importers(PRODUCT, "orthoweave")
    assert not found.strip(), found


def test_no_underscore_name_is_imported():
    private = (
        f"{module.name} imports {'.'.join(target)}"
        for module in PRODUCT
        for target in module.inside()
        if any(part.startswith("_") and part != "__version__" for part in target)
    )
    found = offenders(private)
    assert not found.strip(), found


def test_no_underscore_name_of_another_module_is_used():
    found = offenders(peeking())
    assert not found.strip(), found


def peeking() -> Iterator[str]:
    """Uses of `module._name` where `module` is one of ours."""
    files = {module.parts for module in PRODUCT}
    for module in PRODUCT:
        ours = {target[-1] for target in module.inside() if target in files}
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                owner = getattr(node.value, "id", "")
                if owner in ours and not node.attr.startswith("__"):
                    yield f"{module.name}:{node.lineno} {owner}.{node.attr}"


@pytest.mark.parametrize("name", GLOBAL_STATE)
def test_nothing_changes_the_state_of_the_process(name):
    calls = (
        f"{module.name}:{node.lineno}"
        for module in PRODUCT
        for node in module.nodes
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == name
    )
    found = offenders(calls)
    assert not found.strip(), found


def test_figures_never_come_from_pyplot():
    found = offenders(
        module.name
        for module in PRODUCT
        if "matplotlib.pyplot" in module.path.read_text(encoding="utf-8")
    )
    assert not found.strip(), found


def test_each_operation_has_a_request_and_an_algorithm_of_its_name_and_the_other_way_round():
    operations = {
        module.parts[2] for module in CORE if module.place == "operations" and has_run(module)
    }
    requests = {
        module.parts[2] for module in CORE if module.place == "requests" and has_request(module)
    }
    algorithms = {
        module.parts[-1]
        for module in modules("algorithms")
        if any(target[:2] == ("core", "requests") for target in module.inside())
    }
    assert operations == requests == algorithms


def has_run(module: Module) -> bool:
    return any(isinstance(n, ast.FunctionDef) and n.name == "run" for n in module.tree.body)


def has_request(module: Module) -> bool:
    return any(isinstance(n, ast.ClassDef) and n.name == "Request" for n in module.tree.body)
