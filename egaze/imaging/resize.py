"""Image resizing with the compiled kernel."""

from __future__ import annotations

from typing import Literal, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from egaze import _core

Filter = Literal["area", "bilinear", "nearest"]
PixelT = TypeVar("PixelT", bound=np.generic)


@overload
def resize(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    *,
    filter: Filter = ...,
    out_dtype: type[PixelT],
    scale: float = ...,
    shift: float = ...,
    table: NDArray[np.float32] | None = ...,
    threads: int = ...,
) -> NDArray[PixelT]: ...
@overload
def resize(
    image: NDArray[PixelT],
    shape: tuple[int, int],
    *,
    filter: Filter = ...,
    out_dtype: None = ...,
    scale: float = ...,
    shift: float = ...,
    table: NDArray[np.float32] | None = ...,
    threads: int = ...,
) -> NDArray[PixelT]: ...
@overload
def resize(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    *,
    filter: Filter = ...,
    out_dtype: DTypeLike | None = ...,
    scale: float = ...,
    shift: float = ...,
    table: NDArray[np.float32] | None = ...,
    threads: int = ...,
) -> NDArray[np.generic]: ...
def resize(
    image: NDArray[np.generic],
    shape: tuple[int, int],
    *,
    filter: Filter = "area",
    out_dtype: DTypeLike | None = None,
    scale: float = 1.0,
    shift: float = 0.0,
    table: NDArray[np.float32] | None = None,
    threads: int = 1,
) -> NDArray[np.generic]:
    """Resize a grey image. The result covers the same rectangle as the image.

    Args:
        image: (H, W) uint8, uint16 or float32, of any strides.
        shape: (H, W) of the result.
        filter: "area" takes the mean over the area that an output pixel covers; "bilinear" weights by a triangle, which
            is widened when shrinking to avoid aliasing (as torch's `interpolate(antialias=True)` does); "nearest" takes
            the pixel under the centre of the output pixel.
        out_dtype: uint8, uint16 or float32; None for that of the image.
        scale, shift: the result is value * scale + shift, rounded to nearest and saturated for integer types.
        table: (K,) float32, K at most 65,536, for integer images: pixel value v stands for table[v], and a value beyond
            the table for its last entry.
        threads: the result does not depend on it.

    Raises:
        TypeError: another dtype.
        ValueError: an image that is not 2-D or has no pixels, a shape without pixels, an unknown filter, a table for
            float32 pixels.

    Example:
        >>> import numpy as np
        >>> from egaze import resize
        >>> image = np.array([[0, 100], [100, 200]], np.uint8)
        >>> print(resize(image, (1, 2)))
        [[ 50 150]]
        >>> resize(image, (4, 4), filter="bilinear", out_dtype=np.float32, scale=1 / 255).dtype
        dtype('float32')
    """
    return _core.resize(
        image,
        shape,
        filter=filter,
        out_dtype=np.dtype(image.dtype if out_dtype is None else out_dtype),
        scale=scale,
        shift=shift,
        table=table,
        threads=threads,
    )
