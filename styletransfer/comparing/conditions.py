"""What a comparison's numbers hold for: versions, device, threads, weights, pictures, judge."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from styletransfer.comparing.warm_up import WARM_UP_EDGE
from styletransfer.controls import Controls
from styletransfer.images import Picture
from styletransfer.job import Job
from styletransfer.judging.judge import Judge
from styletransfer.recording import picture_hash, versions, weight_hashes

#: What may be asked of a run besides a strength.
_MASKS = ("masks", "style_masks", "preserve")


def conditions(
    job: Job, content: Picture, style: Picture, judge: Judge, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return them, ready for JSON; `asked` is what was asked of each run."""
    extractors = {method: stylizer.extractor.name for method, stylizer in job.stylizers.items()}
    pictures = {"content": content, "style": style}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "platform": platform.platform(),
        "device": str(job.device),
        "device_name": device_name(job.device),
        "threads": torch.get_num_threads(),
        "extractors": extractors,
        "content_size": list(content.rgb.shape[2:]),
        "style_size": list(style.rgb.shape[2:]),
        "inputs": {name: p.path.name if p.path else None for name, p in pictures.items()},
        "hashes": {
            **{name: picture_hash(picture) for name, picture in pictures.items()},
            "weights": weight_hashes(*dict.fromkeys(extractors.values())),
        },
        "judge": judge.label.to_dict(),
        "asked": _in_words(job, asked or {}),
        "seconds": f"after one untimed step at {WARM_UP_EDGE} px, without loading, reading and writing",
    }


def _in_words(job: Job, asked: Mapping[str, Any]) -> list[str]:
    """Say which controls differ from a plain run, and what else was asked."""
    plain = Controls()
    said = [
        f"{field.name} {getattr(stylizer.controls, field.name)}"
        for stylizer in job.stylizers.values()
        for field in dataclasses.fields(plain)
        if getattr(stylizer.controls, field.name) != getattr(plain, field.name)
    ]
    strength = asked.get("strength", 1.0)
    if isinstance(strength, (int, float)):
        said += [f"strength {strength:g}"] if strength != 1 else []
    elif strength is not None:
        said.append("a map of strength")
    return [*dict.fromkeys(said), *(name.replace("_", " ") for name in _MASKS if asked.get(name) is not None)]


def device_name(device: torch.device) -> str:
    """Return the model of a GPU or processor, as far as the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
