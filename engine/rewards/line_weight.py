"""Line weight: how thick what is drawn in black is.

A band of darkness 1 and width w has, per unit of length, w of darkness and two edges: so the mean
width is 2 * sum(d) / sum(|grad d|), whichever way the band runs and however soft its rim. Thinner
than a pixel of the measured size (1 in 96) cannot be told from a pixel.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.encoders.picture_stats import SIDE
from engine.rewards.base import Axis, Float

DARK, RAMP = 0.5, 0.3  # saturated red and blue are darker than 0.5 as well
LEAST = 0.002  # of the picture: less is a speck


def thickness(luma: Float) -> float:
    """Mean width of the dark parts of luma (h, w), in pixels; 0 where hardly anything is dark."""
    dark = np.clip((DARK - luma) / RAMP, 0.0, 1.0)
    if dark.sum() < LEAST * dark.size:
        return 0.0
    framed = np.pad(dark, 1)  # what touches the frame ends there
    # Over cells of four pixels: a slanted edge is as long as an upright one.
    across = 0.5 * (np.diff(framed, axis=1)[1:] + np.diff(framed, axis=1)[:-1])
    down = 0.5 * (np.diff(framed, axis=0)[:, 1:] + np.diff(framed, axis=0)[:, :-1])
    return float(2.0 * dark.sum() / np.hypot(across, down).sum())


def measure(pictures: Sequence[Any]) -> Float:
    """Percent of the picture's width."""
    weights = np.array([0.299, 0.587, 0.114])
    small = (p.convert("RGB").resize((SIDE, SIDE)) for p in pictures)
    return np.array(
        [100.0 * thickness(np.asarray(p, np.float64) / 255.0 @ weights) / SIDE for p in small],
        np.float64,
    )


AXIS = Axis(
    name="line weight",
    kind="picture",
    unit="percent of the picture's width",
    definition="How thick the dark lines and shapes are; 0 where nothing dark is drawn.",
    low_word="light in line",
    high_word="heavy in line",
    measure=measure,
)
