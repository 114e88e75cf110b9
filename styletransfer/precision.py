"""In which precision networks compute: the names, and what a device can do of them. Free of torch until asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from styletransfer._checks import choice, warn

if TYPE_CHECKING:
    import torch

#: ``"auto"`` is the fastest that the device computes itself, without emulation.
PRECISIONS = ("float32", "bfloat16", "float16", "auto")
#: For the help of every method's option.
HELP = "of the network: float32; bfloat16 or float16 (CUDA), where the device has them; auto: the fastest it has"


def check_precision(value: object) -> str:
    """Return `value` if it names a precision.

    Raises:
        OptionError: It does not.
    """
    return choice(value, PRECISIONS, "precision")


def resolve(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of number that networks compute in on `device`.

    Statistics, Gram matrices, losses and pictures stay in float32 whatever it is.

    Args:
        precision: One of `PRECISIONS`.
        device: Where the work is done.

    Returns:
        The type. Where the device does not compute in that precision, or only by emulation, which is slower than
        float32, it is float32, with a warning.

    Raises:
        OptionError: An unknown name.

    Example:
        >>> import torch
        >>> resolve("float32", torch.device("cpu"))
        torch.float32
    """
    import torch

    check_precision(precision)
    able = supported(device)
    if precision == "auto":
        return getattr(torch, able[-1])  # type: ignore[no-any-return]
    if precision not in able:
        warn(f"precision {precision!r} is not offered here, float32 is used: {_why_not(precision, device)}")
        return torch.float32
    return getattr(torch, precision)  # type: ignore[no-any-return]


def name_of(dtype: torch.dtype) -> str:
    """Return a type of number as `PRECISIONS` name it, for records.

    Example:
        >>> import torch
        >>> name_of(torch.bfloat16)
        'bfloat16'
    """
    return str(dtype).removeprefix("torch.")


def supported(device: torch.device) -> tuple[str, ...]:
    """Return the precisions that `device` computes in itself, the fastest last."""
    if device.type == "cuda":
        import torch

        with torch.cuda.device(device):
            own = torch.cuda.is_bf16_supported(including_emulation=False)
            major, _ = torch.cuda.get_device_capability(device)
        # Half precision is fast from the first cards with tensor cores on (compute capability 7).
        fast = ("float16",) if major >= 7 else ()
        return ("float32", *fast, "bfloat16") if own else ("float32", *fast)
    if device.type == "cpu" and _processor_has_bfloat16():
        return ("float32", "bfloat16")
    return ("float32",)


def _processor_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; oneDNN emulates it elsewhere, slower than float32."""
    import torch

    # Public since torch 2.11; before, the two questions had functions of their own.
    asked: Any = getattr(torch.cpu, "get_capabilities", None)
    if asked is not None:
        found = asked()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name)() for name in names if hasattr(torch.cpu, name))


def _why_not(precision: str, device: torch.device) -> str:
    if precision == "float16" and device.type != "cuda":
        return "float16 is for CUDA."
    if device.type == "cpu":
        return "this processor has no bfloat16 instructions (AVX-512 BF16 or AMX), and emulated it is slower."
    return f"the device {str(device)!r} does not compute in it."
