"""S8, S9: nothing that ships can run what it reads. Looked for in the syntax tree of every file."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [
    ROOT / "launch.py",
    *(p for f in ("app", "engine", "profiles") for p in sorted((ROOT / f).rglob("*.py"))),
]
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib",
           "yaml", "code", "codeop", "imp", "xmlrpc", "telnetlib", "ftplib"}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv",
         "torch.load", "torch.hub.load", "numpy.load", "tempfile.mktemp", "pickle.loads",
         "torch.jit.load", "torch.package.PackageImporter", "ssl._create_unverified_context",
         "pandas.read_pickle"}  # fmt: skip
# A keyword that opens a door, with the value that opens it.
KEYWORDS = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False,
            "verify": False, "use_safetensors": False}  # fmt: skip
# Run by hand where the weights that ship are made, never by the studio: (file, call, why).
BUILDERS = {
    ("engine/starter/build_pictures.py", "torch.load"): "weights_only, of a pinned package",
}
# KINDS of engine/pipelines.py, and the bare class names that its `_named` lets through.
LOOKED_UP = (
    "found.kind",
    "self.found.kind",
    "index(model)[name][1]",
    "index(model)['_class_name']",
)
READERS = ("from_pretrained", "from_single_file")
# What reads words and no weights.
WORDS = ("Tokenizer", "tokenizer", "processor", "reader", "Processor", "Scheduler")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def test_nothing_that_ships_can_run_what_it_reads() -> None:
    found = [wrong for path in SHIPPED for wrong in wrongs(path)]
    assert found == []


def test_what_could_run_code_is_found(tmp_path: Path) -> None:
    """The control: each of these lines is one of the things above."""
    lines = ["import pickle", "from joblib import load", "eval(x)", "torch.load(x)", "os.system(x)",
             "run(x, shell=True)", "read(x, trust_remote_code=True)", "np.load(x)",
             "np.load(x, allow_pickle=True)", "__import__(x)", "import yaml"]  # fmt: skip
    for line in lines:
        (tmp_path / "x.py").write_text(line)
        assert wrongs(tmp_path / "x.py"), line


def wrongs(path: Path) -> list[str]:
    """What in a file could run what it reads."""
    tree, found = ast.parse(path.read_text()), []
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"{path}: imports {n}" for n in names if n.split(".")[0] in MODULES]
    for name, node in calls(path):
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        fine = (name_of(path), name) in BUILDERS and given.get("weights_only") == "True"
        unsure = name == "np.load" and given.get("allow_pickle") != "False"
        opens = [k for k, v in KEYWORDS.items() if given.get(k) == str(v)]
        if (name in CALLS and not fine) or unsure or opens:
            found.append(f"{path}:{node.lineno}: {ast.unparse(node)[:80]}")
    return found


def test_every_model_is_read_from_here_and_from_safetensors() -> None:
    seen = 0
    for path in SHIPPED:
        for name, node in calls(path):
            if not name.endswith(READERS):
                continue
            if name.startswith("PeftModel"):
                continue  # of the folder that was written a moment before, of safetensors
            seen += 1
            where = f"{name_of(path)}:{node.lineno}"
            given = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert given.get("local_files_only") in ("True", "not online"), where
            words = "gguf_file" in given or any(w in name for w in WORDS)
            if name.endswith("from_pretrained") and not words:
                assert given.get("use_safetensors") == "True", where
    assert seen > 10


def test_no_class_of_a_library_is_named_by_a_file() -> None:
    """`getattr(library, name)` is only done with names that were looked up in a list of ours."""
    for path in SHIPPED:
        for name, node in calls(path):
            if name == "getattr" and ast.unparse(node.args[0]) in ("diffusers", "transformers"):
                what = ast.unparse(node.args[1])
                assert what in LOOKED_UP, f"{name_of(path)}: {what}"
