"""What a comparison's numbers hold for: versions, device, threads, weights, pictures, judge."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from styletransfer.comparing.warm_up import WARM_UP_EDGE
from styletransfer.images import Picture
from styletransfer.job import Job
from styletransfer.judging.judge import Judge
from styletransfer.recording import picture_hash, versions, weight_hashes


def conditions(job: Job, content: Picture, style: Picture, judge: Judge) -> dict[str, Any]:
    """Return them, ready for JSON."""
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
        "seconds": f"after one untimed step at {WARM_UP_EDGE} px, without loading, reading and writing",
    }


def device_name(device: torch.device) -> str:
    """Return the model of a GPU or processor, as far as the system tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
