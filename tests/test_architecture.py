"""What holds the package together: imports point downwards and do nothing, the public face is known."""

from __future__ import annotations

import ast
import graphlib
import inspect
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import styletransfer

ROOT = Path(styletransfer.__file__).parent
PACKAGE = "styletransfer"
FACE = "__init__"

#: From the ground up: a module imports only from its own line or those before it; a folder counts as one.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "_version", "allocator"),
    ("_checks", "files"),
    ("memory", "precision"),
    ("images",),
    ("samples",),
    ("layers", "functional"),
    ("losses", "moments", "transport"),
    ("weights",),
    ("code_files",),
    ("features",),
    ("engines",),
    ("config",),
    ("controls", "fields"),
    ("method",),
    ("color",),
    ("recording", "request", "masking"),
    ("asking", "processing"),
    ("stylization",),
    ("stylizer",),
    ("filming",),
    ("methods",),
    ("progress", "codes"),
    ("job",),
    ("sheets", "video"),
    ("judging",),
    ("peers",),
    ("plotting",),
    ("explaining", "labs"),
    ("comparing",),
    ("evaluating",),
    ("batching",),
    ("training",),
    ("__init__",),
    ("app",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}

PUBLIC = [
    "BatchInterrupted",
    "BatchResult",
    "CompareInterrupted",
    "Comparison",
    "DivergenceError",
    "EvaluateInterrupted",
    "Evaluation",
    "ImageError",
    "JudgeError",
    "OptionError",
    "OutputError",
    "PeerError",
    "RandomStyle",
    "SetEvaluation",
    "SheetInterrupted",
    "Step",
    "StyleTransferError",
    "Stylization",
    "StylizeInterrupted",
    "StylizedDataset",
    "Stylizer",
    "TrainingError",
    "VideoError",
    "VideoInterrupted",
    "VideoResult",
    "WeightsError",
    "compare",
    "contact_sheet",
    "create_extractor",
    "create_judge",
    "create_stylizer",
    "evaluate",
    "evaluate_set",
    "explain",
    "functional",
    "interpolate",
    "list_judges",
    "list_stylizers",
    "load_image",
    "save_image",
    "split_labels",
    "stylize",
    "stylize_folder",
    "stylize_many",
    "stylize_video",
]


def modules() -> dict[str, Path]:
    """Every module's dotted name below the package, e.g. ``"methods.gatys"``; its face is ``"__init__"``."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts != ("__main__",):
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts) or FACE] = path
    return found


MODULES = modules()


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def import_nodes(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports that are ever run, those inside functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child
        elif not is_type_checking(child):
            yield from import_nodes(child)


def imported(path: Path) -> set[str]:
    """The package's own modules that a file imports."""
    found = set()
    for node in import_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == PACKAGE and [alias.name for alias in node.names] == ["__version__"]:
                continue  # the package's own name tag
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix(f"{PACKAGE}.") in MODULES else str(node.module) for name in inside]
        for name in names:
            if name == PACKAGE or name.startswith(f"{PACKAGE}."):
                found.add(name[len(PACKAGE) + 1 :] or FACE)
    return found


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def group(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_place(module: str) -> None:
    assert group(module) in RANK, f"add {group(module)!r} to ORDER in this file"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_downwards(module: str) -> None:
    for other in IMPORTS[module]:
        assert RANK[group(other)] <= RANK[group(module)], f"{module} imports {other}, which stands above it"


def test_there_are_no_cycles() -> None:
    graph = {module: others - {module} for module, others in IMPORTS.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_training_is_imported_by_the_command_line_only() -> None:
    users = [name for name, others in IMPORTS.items() if any(group(o) == "training" for o in others)]
    assert {group(name) for name in users} <= {"training", "cli"}


@pytest.mark.parametrize("module", [m for m in MODULES if group(m) == "cli"])
def test_the_command_line_imports_training_inside_functions(module: str) -> None:
    """What most commands do without must not slow down their start."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in import_nodes(f)}
    for node in import_nodes(tree):
        if id(node) not in inside:
            assert "training" not in ast.unparse(node), f"{module}, line {node.lineno}"


@pytest.mark.parametrize("module", [m for m in MODULES if group(m) not in ("cli", "training", "labs")])
def test_only_the_command_line_labs_and_training_scripts_print(module: str) -> None:
    calls = [node for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


@pytest.mark.parametrize("module", MODULES)
def test_pickles_are_never_trusted(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            safe = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert safe.get("weights_only") == "True", f"{module}, line {node.lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_users_input_is_not_checked_by_assert(module: str) -> None:
    found = [n for n in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(n, ast.Assert)]
    assert not found, f"{module}, line {found[0].lineno}"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    docstring = ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


CLEAN_IMPORT = """
    import random, sys
    # What other projects do when they are imported is not ours to judge.
    import torch, torchvision, PIL.Image, PIL.ImageCms, PIL.ImageOps, numpy, safetensors.torch, tqdm, click
    import http.client, urllib.request, tempfile, platform, csv, hashlib, difflib, importlib.metadata
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    others = set(sys.modules)

    def no_cuda(*args, **kwargs):
        raise SystemExit("importing asked for CUDA")

    torch.cuda.is_available = torch.cuda.device_count = torch.cuda.init = no_cuda
    seen = []

    def audit(event, args):
        if event == "open" and not str(args[0]).endswith((".py", ".pyc", ".so")):
            seen.append(f"open {args[0]}")
        elif event.split(".")[0] in ("socket", "subprocess", "shutil", "tempfile", "urllib"):
            seen.append(event)
        elif event in ("os.mkdir", "os.remove", "os.rename", "os.system", "os.putenv", "os.chdir"):
            seen.append(event)

    sys.addaudithook(audit)
    import styletransfer
    sys.stdout.flush()
    assert not seen, seen
    after = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:], "importing changed a random state"
    assert not torch.cuda.is_initialized()
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    loaded = set(sys.modules) - others
    assert not [name for name in loaded if name.startswith("matplotlib")], "importing loaded matplotlib"
    assert not [name for name in loaded if name.startswith("styletransfer.training")]
    assert not [name for name in loaded if name.startswith("styletransfer.cli")]
    print("clean")
"""


def test_importing_does_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(CLEAN_IMPORT)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "clean\n"), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


class TestPublicFace:
    def test_inventory(self) -> None:
        assert styletransfer.__all__ == PUBLIC
        assert set(PUBLIC) <= set(dir(styletransfer))
        with pytest.raises(AttributeError, match="has no attribute 'stylise'"):
            styletransfer.stylise  # noqa: B018

    def test_importing_it_does_not_import_torch(self) -> None:
        code = "import sys, styletransfer, styletransfer.methods; print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == "False\n"

    def test_functional_inventory(self) -> None:
        assert styletransfer.functional.__all__ == [
            "adain",
            "channel_stats",
            "gram_matrix",
            "luminance",
            "match_color",
            "total_variation",
        ]

    @pytest.mark.parametrize("name", PUBLIC)
    def test_every_name_is_explained(self, name: str) -> None:
        docstring = inspect.getdoc(getattr(styletransfer, name))
        assert docstring
        assert docstring[0].isupper() or docstring[0] == "`"

    def test_the_version_is_that_of_the_project(self) -> None:
        project = Path(__file__).parents[1] / "pyproject.toml"
        assert f'\nversion = "{styletransfer.__version__}"\n' in project.read_text(encoding="utf-8")

    def test_the_package_says_that_it_is_typed(self) -> None:
        assert (ROOT / "py.typed").is_file()
