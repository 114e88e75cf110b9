"""Pictures in and out: path, bytes, file, PIL image, array or tensor <-> (B, 3, H, W) float RGB in [0, 1].

Shapes are (H, W) throughout; PIL's (W, H) stays inside this package.

>>> import numpy as np
>>> load_image(np.zeros((20, 30), dtype=np.uint8)).shape
torch.Size([1, 3, 20, 30])
"""

from styletransfer.images.encode import Target, check_output, encode_image, save_image, to_pil
from styletransfer.images.picture import SMALLEST_SIDE, ImageSource, Picture, load_image, read_picture
from styletransfer.images.pixels import resize

__all__ = [
    "SMALLEST_SIDE",
    "ImageSource",
    "Picture",
    "Target",
    "check_output",
    "encode_image",
    "load_image",
    "read_picture",
    "resize",
    "save_image",
    "to_pil",
]
