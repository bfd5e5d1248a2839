# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from orthoweave.core.errors import Cancelled, InvalidOption, MissingPackage, OrthoweaveError
from orthoweave.core.operations.cloudmask import Request, run

TOOL = Path(__file__).resolve().parents[4] / "shared" / "tools" / "make_cases.py"
CLEAR = ("2019-07-03", "2019-07-05", "2019-07-08", "2019-07-10", "2019-07-23", "2019-07-25")


@pytest.fixture
def clouds(tmp_path, read_back):
    """Run the tool on one image and read its mask back: clouds(path, scale=10000)."""
    numbers = count()

    def make(path, progress=None, **options):
        folder = options.pop("output_folder", str(tmp_path / f"out{next(numbers)}"))
        request = Request(images=(path,), output_folder=folder, **options)
        result = run(*([request, progress] if progress else [request]))
        found = read_back(result.output_layers[0])
        found.result, found.classes = result, found.values[0]
        return found

    return make


@pytest.fixture
def versailles(shared, write):
    """Write one date of the Versailles set as an image: versailles("2019-07-03")."""
    gdal = pytest.importorskip("osgeo.gdal")

    def make(date):
        files = sorted((shared / "versailles_s2_l8").glob(f"{date}*L1C*B0[234].tif"))
        bands = np.stack([gdal.Open(str(f)).ReadAsArray() for f in files])
        return write(f"{date}.tif", bands, nodata=0)

    return make


def scene(shape=(200, 220), dtype="uint16", clouds=True):
    """Return values of blue, green, red and near infrared, and where the cloud is."""
    rng = np.random.default_rng(3)
    ground = 900 + 300 * rng.random(shape)
    rows, cols = np.indices(shape)
    cloud = (rows - 80) ** 2 + (cols - 90) ** 2 < 30**2
    factors = np.array([0.9, 1.0, 0.9, 2.5])[:, None, None]
    values = factors * ground
    if clouds:
        values = np.where(cloud, 4500 + 50 * rng.random(shape), values)
    return values.astype(dtype), cloud


def overlap(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


@pytest.mark.parametrize("scale", [10000, 0])
def test_a_cloud_is_found_and_the_rest_is_clear(write, clouds, scale):
    values, cloud = scene()
    values[:, :5] = 0
    found = clouds(write("a.tif", values, nodata=0), scale=scale, buffer=0)
    assert overlap(found.classes == 1, cloud) > 0.95
    assert (found.classes[:5] == 255).all() and found.nodata == 255
    assert ((found.classes == 255).sum(), found.classes.dtype) == (5 * 220, np.uint8)
    share = cloud[5:].mean()
    assert found.result.cloud_fraction == (pytest.approx(share, rel=0.05),)
    table = found.dataset.GetRasterBand(1).GetColorTable()
    assert table.GetColorEntry(1) == (255, 255, 255, 255)
    assert found.dataset.GetMetadataItem("class_3") == "cloud shadow"


def test_a_declared_scale_is_used(write, clouds):
    gdal = pytest.importorskip("osgeo.gdal")
    values, _ = scene(clouds=False)
    path = write("a.tif", (values / 4 + 1000).astype(np.uint16))
    dataset = gdal.Open(path, gdal.GA_Update)
    for band in range(1, 5):
        dataset.GetRasterBand(band).SetScale(4e-4)
        dataset.GetRasterBand(band).SetOffset(-0.4)
    dataset = None
    assert clouds(path).result.cloud_fraction == (0,)
    assert clouds(path, scale=1000).result.cloud_fraction[0] > 0.5


@pytest.mark.parametrize("date", CLEAR)
def test_clear_dates_have_hardly_a_cloud(versailles, clouds, date):
    path = versailles(date)
    assert clouds(path, scale=10000, nir_band=0).result.cloud_fraction[0] <= 0.01
    assert clouds(path, nir_band=0).result.cloud_fraction[0] <= 0.01


def test_cumulus_and_haze_are_found(versailles, clouds):
    found = clouds(versailles("2019-07-15"), scale=10000, nir_band=0)
    assert 0.05 < (found.classes == 1).mean() < 0.2  # about a tenth to the eye
    haze = clouds(versailles("2019-07-18"), scale=10000, nir_band=0)
    assert haze.result.cloud_fraction[0] >= 0.5


@pytest.mark.parametrize("seed", [1, 50])
@pytest.mark.parametrize("scale", [10000, 0])
def test_made_clouds_and_shadows_are_found(versailles, clouds, tmp_path, read_back, seed, scale):
    if not TOOL.is_file():
        pytest.skip(f"{TOOL} makes the case")
    source, case = versailles("2019-07-03"), tmp_path / "case"
    made = f"import make_cases; make_cases.gaps({source!r}, {str(case)!r}, {seed}, .3)"
    words = [sys.executable, "-B", "-c", made]
    done = subprocess.run(words, cwd=TOOL.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the case cannot be made here: {done.stderr[-200:]}")
    found = clouds(str(case / "cloudy.tif"), scale=scale, nir_band=0)
    truth = read_back(str(case / "truth_class.tif")).values[0]
    assert overlap(found.classes == 1, truth == 1) >= 0.70
    assert overlap(found.classes == 3, truth == 2) >= 0.45


def test_windows_and_threads_do_not_matter(write, clouds):
    values, _ = scene((620, 700))
    path = write("a.tif", values, nodata=0)
    truth = clouds(path, scale=10000, down_sample=30, threads=1)
    for size, threads in ((16, 2), (100, 1), (0, 3)):
        how = {"scale": 10000, "down_sample": 30, "window_size": size, "threads": threads}
        np.testing.assert_array_equal(clouds(path, **how).values, truth.values)


def test_coarse_work_gives_a_mask_on_the_pixels_of_the_image(write, clouds):
    values, cloud = scene((202, 223))
    found = clouds(write("a.tif", values), scale=10000, down_sample=30, buffer=0, min_size=1)
    assert found.classes.shape == (202, 223) and overlap(found.classes == 1, cloud) > 0.85


@pytest.mark.parametrize("kind", ["nodata", "alpha", "internal", "nan"])
def test_invalid_pixels_are_255_and_count_nowhere(layer, clouds, kind):
    image = layer("a.tif", kind, "float32" if kind == "nan" else "uint16", size=(90, 80))
    found = clouds(image.path, nir_band=0)
    np.testing.assert_array_equal(found.classes == 255, ~image.valid)


def test_an_image_without_valid_pixel_gives_a_warning(write, clouds, listen):
    heard = listen()
    found = clouds(write("a.tif", np.zeros((4, 50, 50), np.uint16), nodata=0), heard)
    assert (found.classes == 255).all() and found.result.cloud_fraction == (0.0,)
    assert any("a.tif has no valid pixel" in text for text in heard.warnings)


def test_values_that_are_no_reflectances_ask_for_their_scale(write, clouds, listen):
    overcast = np.full((4, 60, 60), 4500, np.uint16) + np.arange(60, dtype=np.uint16)
    path, heard = write("a.tif", overcast), listen()
    assert clouds(path, heard).result.cloud_fraction == (0.0,)
    (said,) = heard.warnings
    assert "An image all under clouds is then taken for clear" in said and "give SCALE" in said
    for text, options in ((path, {"scale": 10000}), (write("b.tif", overcast / 1e4), {})):
        heard = listen()
        clouds(text, heard, **options)
        assert heard.warnings == []
    assert clouds(path, scale=10000).result.cloud_fraction == (pytest.approx(1.0),)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"nir_band": 5}, "NIR_BAND is 5 but a.tif has 4 bands. Use 0 for none"),
        ({"red_band": 9}, "RED_BAND is 9 but a.tif has 4 bands"),
        ({"blue_band": 3}, "BLUE_BAND and RED_BAND are both 3"),
        ({"method": "magic"}, "'magic' is not one of spectral, omnicloudmask"),
        ({"sensitivity": 2}, "Sensitivity: 2 is above 1"),
        ({"window_size": 3}, "Window size: 3 is below 16"),
    ],
)
def test_bad_options_give_a_sentence(write, clouds, options, text):
    with pytest.raises(OrthoweaveError, match=text):
        clouds(write("a.tif", scene((40, 40))[0]), **options)


def test_planning_writes_nothing_and_a_finished_mask_is_kept(write, clouds, tmp_path):
    path, folder = write("a.tif", scene()[0]), tmp_path / "o"
    how = {"images": (path,), "output_folder": str(folder), "scale": 10000}
    assert run(Request(**how, dry_run=True)).output_layers == ()
    assert not list(folder.glob("*.tif"))
    first = run(Request(**how))
    stamp = (folder / "a_CloudMask.tif").stat().st_mtime_ns
    again = run(Request(**how, resume="check"))
    assert again.cloud_fraction == first.cloud_fraction
    assert (folder / "a_CloudMask.tif").stat().st_mtime_ns == stamp


def test_a_cancelled_run_leaves_nothing(write, clouds, listen, tmp_path):
    path, heard = write("a.tif", scene((300, 560))[0]), listen()
    clouds(path, heard)
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[-1] == 1
    for asked in range(0, heard.asked - 1, 4):
        with pytest.raises(Cancelled):
            clouds(path, listen(cancel_after=asked), output_folder=str(tmp_path / "c"))
        assert not list((tmp_path / "c").glob("*"))


def test_without_the_package_the_way_to_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "omnicloudmask", None)
    with pytest.raises(MissingPackage, match="needs OmniCloudMask.*pip install omnicloudmask"):
        Request(images=("a.tif",), output_folder="o", method="omnicloudmask")
    with pytest.raises(InvalidOption, match="NIR_BAND is 0, but omnicloudmask needs"):
        Request(images=("a.tif",), output_folder="o", method="omnicloudmask", nir_band=0)


@pytest.fixture
def package(monkeypatch):
    """A package that calls bright pixels clouds and remembers how it was asked."""
    asked = []

    def predict_from_array(input_array, patch_size=1000, no_data_value=0, custom_models=None):
        if patch_size < 32:
            raise ValueError(f"Patch size {patch_size}px must be at least 32px.")
        asked.append({"shape": input_array.shape, "patch_size": patch_size})
        asked[-1]["models"] = custom_models
        return (input_array[0] > 2500).astype(np.uint8)[None]

    made = ModuleType("omnicloudmask")
    made.predict_from_array = predict_from_array
    monkeypatch.setitem(sys.modules, "omnicloudmask", made)
    return asked


def test_the_package_is_asked_with_its_options(write, clouds, package, monkeypatch, tmp_path):
    values, cloud = scene()
    values[:, :3] = 0
    model = tmp_path / "net.pt"
    model.write_bytes(b"x")
    loaded = SimpleNamespace(eval=lambda: "network")
    torch = SimpleNamespace(jit=SimpleNamespace(load=lambda path, map_location: loaded))
    monkeypatch.setitem(sys.modules, "torch", torch)
    options = f"patch_size=300, custom_models={model}"
    path = write("a.tif", values, nodata=0)
    found = clouds(path, method="omnicloudmask", omnicloud_options=options)
    assert package == [{"shape": (3, 200, 220), "patch_size": 300, "models": ["network"]}]
    np.testing.assert_array_equal(found.classes == 1, cloud & (values[2] > 2500))
    assert (found.classes[:3] == 255).all()


def test_small_images_are_padded_for_the_package(write, clouds, package):
    found = clouds(write("a.tif", scene((20, 25))[0]), method="omnicloudmask")
    assert package[0]["shape"] == (3, 32, 32) and found.classes.shape == (20, 25)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("patch_size=8", "Patch size 8px must be at least 32px"),
        ("nonsense=1", "unexpected keyword argument 'nonsense'"),
        ("patch_size", "'patch_size' is not key=value"),
        ("custom_models=none.pt", "the model none.pt does not exist"),
    ],
)
def test_what_the_package_refuses_is_said(write, clouds, package, options, text):
    with pytest.raises(InvalidOption, match=f"Options of OmniCloudMask: .*{text}"):
        clouds(
            write("a.tif", scene((40, 40))[0]), method="omnicloudmask", omnicloud_options=options
        )


@pytest.mark.filterwarnings("ignore")
def test_a_small_network_runs_in_the_real_package(write, clouds, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("omnicloudmask")

    class Network(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = x.mean(1, keepdim=True)
            clear = torch.ones_like(bright)
            return torch.cat([clear, bright, clear - 9, clear - 9], 1)

    model = tmp_path / "net.pt"
    torch.jit.script(Network()).save(str(model))
    values, cloud = scene()
    options = f"custom_models={model},patch_size=200,patch_overlap=60,inference_device=cpu"
    found = clouds(write("a.tif", values), method="omnicloudmask", omnicloud_options=options)
    assert overlap(found.classes == 1, cloud) > 0.9


@pytest.mark.parametrize("scale", [0, 10000])
def test_infinite_values_are_no_brightness(write, clouds, scale):
    values, cloud = scene(dtype="float32")
    values[:, :20], values[1, 180:] = np.inf, -np.inf
    found = clouds(write("a.tif", values), scale=scale)
    np.testing.assert_array_equal(
        found.classes[40:160] == 1,
        clouds(write("b.tif", scene(dtype="float32")[0]), scale=scale).classes[40:160] == 1,
    )
    assert not found.classes[:20].any() and cloud[40:160].any()
