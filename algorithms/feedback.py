# SPDX-License-Identifier: GPL-2.0-or-later
"""The progress of a run, shown in the log and the bar of a QGIS dialog."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback

from ..core.progress import Progress


class FeedbackProgress(Progress):
    """Passes everything on to QGIS; the bar never runs back."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._percent = 0.0

    def advance(self, fraction: float) -> None:
        """Move the bar to this fraction."""
        percent = 100.0 * min(max(fraction, 0.0), 1.0)
        if percent > self._percent:
            self._percent = percent
            self._feedback.setProgress(percent)

    def phase(self, text: str) -> None:
        """Show what is being done now."""
        self._feedback.setProgressText(text)

    def info(self, text: str) -> None:
        """Write a line into the log."""
        self._feedback.pushInfo(text)

    def warn(self, text: str) -> None:
        """Write a warning into the log."""
        self._feedback.pushWarning(text)

    def cancelled(self) -> bool:
        """Return True once the user has pressed Cancel."""
        return bool(self._feedback.isCanceled())
