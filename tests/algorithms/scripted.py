# SPDX-License-Identifier: GPL-2.0-or-later
"""Algorithms run as a script of QGIS runs them, and a texture that is displaced exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE = 200


def run(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run an algorithm; return its outputs."""
    import processing

    found: dict[str, Any] = processing.run(f"orthoweave:{name}", given)
    return found


def texture(dx: float = 0.0, dy: float = 0.0) -> Any:
    """Return a periodic texture shifted right by dx and down by dy, exactly."""
    rng = np.random.default_rng(4)
    fy, fx = np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None, :]
    weight = np.exp(-((np.hypot(fx, fy) / 0.2) ** 2)) / np.maximum(np.hypot(fx, fy), 0.01)
    phase = np.exp(-2j * np.pi * (fx * dx + fy * dy))
    found = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * weight * phase).real
    return (1000 + 200 * found / found.std()).astype("float32")
