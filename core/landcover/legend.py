# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and colors of classes."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..progress import SILENT, Progress

Color = tuple[int, int, int]

GOLDEN = 0.61803398875
"""Step of hue between automatic colors; neighbors in the list never look alike."""


@dataclass(frozen=True)
class Legend:
    """Names and colors (red, green, blue 0-255) by label."""

    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)

    def name(self, label: int) -> str:
        """Return the name of a class; its label where there is none."""
        return self.names.get(label, str(label))

    def color(self, label: int) -> Color:
        """Return the color of a class; one of the automatic palette where there is none."""
        return self.colors.get(label) or automatic_color(label)

    def complete(self, labels: Sequence[int], progress: Progress = SILENT) -> Legend:
        """Return a legend with a name and a color for every label; what was missing is said."""
        for title, known in (("names", self.names), ("colors", self.colors)):
            missing = [str(label) for label in labels if label not in known]
            if known and missing:
                progress.warn(
                    f"The list of {title} lacks {len(missing)} classes ({', '.join(missing[:8])}); "
                    f"they get {'their label' if title == 'names' else 'automatic colors'}."
                )
        return Legend(
            {label: self.name(label) for label in labels},
            {label: self.color(label) for label in labels},
        )


def automatic_color(label: int) -> Color:
    """Return a color that depends on the label only."""
    hue, light = label * GOLDEN % 1, (0.62, 0.45, 0.75)[label % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, 0.55)
    return round(255 * red), round(255 * green), round(255 * blue)
