"""What a training loop needs of its data: folders of pictures, crops of them, batches of crops."""

from styletransfer.training.crops import CropBatch, Crops, CropSettings
from styletransfer.training.files import Problem
from styletransfer.training.folder import PictureFolder, count_shared, too_many_problems
from styletransfer.training.loader import batches, default_workers

__all__ = [
    "CropBatch",
    "CropSettings",
    "Crops",
    "PictureFolder",
    "Problem",
    "batches",
    "count_shared",
    "default_workers",
    "too_many_problems",
]
