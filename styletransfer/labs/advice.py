"""What usually causes the exceptions that answers raise, in whichever lab."""

from __future__ import annotations

#: By a regular expression that finds the exception's type and message. The first that fits is told.
GENERAL: dict[str, str] = {
    r"backward through the graph a second time": (
        "An assignment such as p = p.clamp(0, 1) makes another tensor: it hangs on the step before, and the "
        "optimiser does not know it. Change the tensor itself, while no gradients are recorded. A loss that is "
        "kept for later is kept as a number."
    ),
    r"does not require grad and does not have a grad_fn": (
        "Nothing that the loss was computed from wants a gradient. Does the copy of the start, and is it the "
        "copy that the loss is computed from?"
    ),
    r"leaf Variable that requires grad is being used in an in-place": (
        "The picture is changed while gradients are recorded. Where are they not? Look at torch.no_grad."
    ),
    r"can't optimize a non-leaf Tensor": (
        "The optimiser wants a tensor that was not computed from others that need gradients: copy first, then ask "
        "for gradients."
    ),
    r"Can't call numpy\(\) on Tensor that requires grad": "Stay with tensors: numpy knows no gradients.",
    r"grad can be implicitly created only for scalar": "backward starts from one number: reduce the loss.",
    r"RecursionError": (
        "It calls itself without end. Is a function of the same name meant, such as that of functional?"
    ),
    r"unexpected keyword argument": "Keep the names of the arguments as the task gives them.",
    r"positional arguments? but|missing \d+ required positional": (
        "Keep the arguments as the task gives them, in their order."
    ),
    r"cannot be multiplied|batch2 tensor|same batch size": (
        "Rows of one matrix meet columns of the other: print both shapes. Which one has to be transposed?"
    ),
    r"must match the (size|existing size)": (
        "The shapes of two tensors do not fit: print both, and say in words what each dimension is."
    ),
}
