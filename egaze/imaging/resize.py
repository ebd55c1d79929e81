"""Image resizing by the compiled kernel."""

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
    """Resize a grey image; both images cover the same rectangle.

    Args:
        image: (H, W) uint8, uint16 or float32, of any strides.
        shape: (H, W) wanted.
        filter: "area" takes the mean over what an output pixel covers; "bilinear" a triangle, widened when
            shrinking so that it does not alias (as torch's `interpolate(antialias=True)`); "nearest" the pixel
            under the output pixel's centre.
        out_dtype: uint8, uint16 or float32; the input's when None.
        scale, shift: the output is value * scale + shift, rounded to nearest and saturated for integer types.
        table: (K,) float32, K at most 65,536, for integer images: pixel value v stands for table[v], a value beyond the
            table for its last entry.
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
