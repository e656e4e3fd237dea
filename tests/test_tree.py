"""The tree keeps its shape: who may import whom, how long a file may be, what may be tracked."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app import flags

ROOT = Path(__file__).resolve().parent.parent
OURS = ("app", "engine", "profiles")
HEAVY = {"torch", "transformers", "diffusers", "peft", "faiss", "gradio"}
PLUGINS = ("preference", "queries", "rewards", "encoders", "backbones", "steering", "objectives",
           "exports", "diagnostics")  # fmt: skip
BANNED = {"utils.py", "helpers.py", "common.py", "misc.py"}
TOP = {"app", "engine", "profiles", "tests", "docs", ".ci", "launch.py", "requirements.txt",
       "requirements-models.txt", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml",
       ".gitignore"}  # fmt: skip
# Loaded by a training or the first generation, never at start-up (a test below sees to that).
LATE = {
    "engine/denoising.py",
    "engine/lora.py",
    "engine/packing.py",
    "engine/picturing.py",
    "engine/stages.py",
    "engine/training.py",
}
LONGEST = 400
MEGABYTES = 45


def tracked() -> list[Path]:
    made = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in made.stdout.splitlines() if (ROOT / name).exists()]


def sources() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py"]


def imports(path: Path, top_only: bool = False) -> set[str]:
    """Dotted names a file imports; TYPE_CHECKING blocks do not count."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else [n for n in ast.walk(tree) if not _typing(n)]
    skip = {id(c) for n in ast.walk(tree) if _typing(n) for c in ast.walk(n)}
    found: set[str] = set()
    for node in nodes:
        if id(node) in skip:
            continue
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def _typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def roots(names: set[str]) -> set[str]:
    return {n.split(".")[0] for n in names}


def of(folder: str) -> list[Path]:
    return [p for p in sources() if p.relative_to(ROOT).parts[0] == folder]


def test_engine_imports_nothing_of_ours_outside_itself() -> None:
    wrong = {str(p) for p in of("engine") if roots(imports(p)) & {"app", "profiles", "tests"}}
    assert not wrong


def test_profiles_knows_only_engine_data() -> None:
    for path in of("profiles"):
        names = {n for n in imports(path) if n.split(".")[0] in ("app", "engine", "tests")}
        assert all(n.startswith("engine.data") for n in names), (path, names)
        assert not roots(imports(path)) & {"torch", "gradio", "transformers"}


def test_only_studio_knows_engine_and_profiles() -> None:
    both = {p.name for p in of("app") if {"engine", "profiles"} <= roots(imports(p))}
    assert both == {"studio.py"}


def test_plug_ins_do_not_import_their_siblings() -> None:
    for path in of("engine"):
        parts = path.relative_to(ROOT).parts
        if len(parts) != 3 or parts[1] not in PLUGINS or path.name in ("__init__.py", "base.py"):
            continue
        near = f"engine.{parts[1]}."
        shared = {"base", *_data_files(path)}
        modules = {n[len(near) :].split(".")[0] for n in imports(path) if n.startswith(near)}
        siblings = {m for m in modules if (path.parent / f"{m}.py").exists()} - shared
        assert not siblings, (path, siblings)


def _data_files(path: Path) -> set[str]:
    """Measured statistics are shared mathematics, not a method."""
    return {p.stem for p in path.parent.glob("*_stats.py")}


def test_nothing_heavy_is_imported_at_start_up() -> None:
    text = (
        "import sys, app.cli, app.studio, app.api, app.main\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))"
    )
    made = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["", "run", "test", "bench", "doctor", *flags.VERBS])
def test_help_needs_only_the_standard_library(command: str) -> None:
    words = [sys.executable, "-I", "-S", str(ROOT / "launch.py"), *command.split(), "--help"]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    assert made.returncode == 0 and "usage" in made.stdout


def test_files_are_short_and_named_by_a_noun() -> None:
    for path in sources():
        assert path.name not in BANNED, path
        assert len(path.read_text().splitlines()) <= LONGEST, path


def test_every_table_line_leads_somewhere() -> None:
    import importlib

    from engine.registry import Registry

    for folder in PLUGINS:
        if not (ROOT / "engine" / folder / "__init__.py").exists():
            continue
        module = importlib.import_module(f"engine.{folder}")
        for table in (v for v in vars(module).values() if isinstance(v, Registry)):
            for entry in table.values():
                name, _, thing = entry.target.partition(":")
                file = ROOT / (name.replace(".", "/") + ".py")
                defined = {n.name for n in ast.walk(ast.parse(file.read_text()))
                           if isinstance(n, ast.ClassDef | ast.FunctionDef)}  # fmt: skip
                # An objective or an export is a value: NAME = Objective(...).
                defined |= {t.id for n in ast.parse(file.read_text()).body
                            if isinstance(n, ast.Assign) for t in n.targets
                            if isinstance(t, ast.Name)}  # fmt: skip
                assert thing in defined, entry


def test_every_bench_is_there_and_named_in_the_help() -> None:
    from tests.bench import BENCHES

    shown = flags.parser().format_help() + (ROOT / "app" / "flags.py").read_text()
    for name, target in BENCHES.items():
        module, _, thing = target.partition(":")
        file = ROOT / (module.replace(".", "/") + ".py")
        assert file.exists(), f"bench {name}: {file.name} is not there"
        defined = {n.name for n in ast.parse(file.read_text()).body
                   if isinstance(n, ast.FunctionDef)}  # fmt: skip
        assert thing in defined and re.search(rf"\b{name}\b", shown)


def test_before_the_environment_only_the_standard_library_is_used() -> None:
    bare = sys.stdlib_module_names | {"app"}
    for name in ("launch.py", "app/flags.py"):
        assert roots(imports(ROOT / name)) <= bare, name
    assert roots(imports(ROOT / "app" / "doctor.py")) <= bare | {"engine", "psutil"}


def test_heavy_libraries_are_imported_by_plug_ins_alone() -> None:
    """At the top of a file, or inside a function outside a plug-in folder: never at start-up."""
    for path in sources():
        parts = path.relative_to(ROOT).parts
        if parts[0] not in OURS or (parts[0] == "engine" and len(parts) >= 3):
            continue
        if "/".join(parts) in LATE:
            continue
        if (
            parts[:2] == ("app", "page.py")
            or parts[:2] == ("app", "tabs")
            or path.name == "theme.py"
        ):
            continue
        assert not roots(imports(path, top_only=True)) & HEAVY, path


def test_top_level_holds_only_what_is_agreed() -> None:
    assert {p.relative_to(ROOT).parts[0] for p in tracked()} <= TOP


def test_what_is_tracked_stays_small() -> None:
    assert sum(p.stat().st_size for p in tracked()) < MEGABYTES * 1_000_000


def test_no_paths_of_a_machine_and_no_unsafe_loading() -> None:
    places = re.compile(r"(^|[^A-Za-z0-9_.])/(" + "work|farm|root" + r")/")
    hosts = re.compile(r"files\.pythonhosted|index-url|find-links")
    unsafe = re.compile(
        r"^\s*(?:import|from) pickle|pickle\.load|joblib\.load|trust_remote_code=True|shell=True"
        r"|[^.]\beval\(",
        re.M,
    )
    for path in tracked():
        if path.suffix not in (".py", ".md", ".js", ".css", ".toml", ".txt", ".jsonl", ""):
            continue
        text = path.read_text(errors="replace")
        assert not places.search(text), path
        assert path == Path(__file__) or not hosts.search(text), path
        if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts:
            assert not unsafe.search(text), path
            if not path.name.startswith("build"):
                assert "torch." + "load(" not in text, path
