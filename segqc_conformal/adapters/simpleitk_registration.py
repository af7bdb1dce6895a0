"""Reverse segmentation by registration with SimpleITK: the only place where it is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.reverse.labelled_image import LabelledImage

__all__ = ["SimpleITKRegistration"]


@dataclass(frozen=True)
class SimpleITKRegistration:
    """Register the case to each reference with SimpleITK, and carry its mask over.

    Affine by correlation, then demons with symmetric forces on images of like histograms;
    references one after the other, on the CPU. Needs the extra ``segqc-conformal[simpleitk]``.

    Parameters
    ----------
    affine_steps : int
        Most iterations of the optimiser at each level, >= 1.
    demons_steps : int
        Iterations on the full grid, >= 0; 0 leaves the demons out.
    smoothing_voxels : float
        > 0: standard deviation of the Gaussian that smooths the displacement after each step.
    shrink : tuple of int
        By how much images are shrunk along each axis at each level of the affine part.

    Raises
    ------
    InputError
        For a setting out of its range, or where SimpleITK is not installed.

    Notes
    -----
    Only the first channel is registered. Guarantee: none; one thread, so that the same input gives
    the same label maps.
    """

    affine_steps: int = 60
    demons_steps: int = 20
    smoothing_voxels: float = 1.5
    shrink: tuple[int, ...] = (4, 2)

    def __post_init__(self) -> None:
        """Check the settings, and that the library is there."""
        lowest = min(self.affine_steps, self.demons_steps + 1, *self.shrink)
        if lowest < 1 or not 0.0 < self.smoothing_voxels < np.inf:
            raise InputError(
                "affine_steps and shrink >= 1, demons_steps >= 0, smoothing_voxels > 0",
                self,
                "correct them",
            )
        _library()

    def label_maps(
        self, case: LabelledImage, references: Sequence[LabelledImage]
    ) -> list[NDArray[np.int64]]:
        """Carry the labels of the case to the grid of each reference."""
        sitk = _library()
        moving = _as_image(sitk, case.image[0], case.spacing)
        labels = _as_image(sitk, case.labels.astype(np.int32), case.spacing)
        found = []
        for one in references:
            fixed = _as_image(sitk, one.image[0], one.spacing)
            transform = self._registered(sitk, fixed, moving)
            carried = sitk.Resample(labels, fixed, transform, sitk.sitkNearestNeighbor, 0)
            found.append(np.asarray(sitk.GetArrayFromImage(carried), dtype=np.int64))
        return found

    def _registered(self, sitk: Any, fixed: Any, moving: Any) -> Any:
        axes = fixed.GetDimension()
        start = sitk.CenteredTransformInitializer(
            fixed,
            moving,
            sitk.AffineTransform(axes),
            sitk.CenteredTransformInitializerFilter.GEOMETRY,
        )
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)
        method.SetMetricAsCorrelation()
        method.SetInterpolator(sitk.sitkLinear)
        method.SetShrinkFactorsPerLevel(list(self.shrink))
        method.SetSmoothingSigmasPerLevel([factor / 2.0 for factor in self.shrink])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, self.affine_steps)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(start, inPlace=False)
        affine = method.Execute(fixed, moving)
        if not self.demons_steps:
            return affine
        near = sitk.Resample(moving, fixed, affine, sitk.sitkLinear, 0.0, sitk.sitkFloat64)
        target = sitk.Cast(fixed, sitk.sitkFloat64)
        near = sitk.HistogramMatching(near, target, 256, 15, True)
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfThreads(1)
        demons.SetNumberOfIterations(self.demons_steps)
        demons.SetStandardDeviations(self.smoothing_voxels)
        field = sitk.DisplacementFieldTransform(demons.Execute(target, near))
        # the last transform is applied first
        return sitk.CompositeTransform([affine, field])


def _library() -> Any:
    try:
        import SimpleITK
    except ImportError as error:
        raise InputError(
            "SimpleITK", "an installation without it", "pip install 'segqc-conformal[simpleitk]'"
        ) from error
    return SimpleITK


def _as_image(sitk: Any, values: NDArray[Any], spacing: tuple[float, ...]) -> Any:
    """Return an image centred at the origin; its axes are in reverse order, as ITK has them."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing[::-1])
    sizes = zip(values.shape, spacing, strict=True)
    image.SetOrigin([-(count - 1) / 2.0 * step for count, step in sizes][::-1])
    return image
