"""A folder for `ollama create`: a Modelfile, the base model and the GGUF LoRA beside it.

A Modelfile cannot say how strongly an ADAPTER acts, so the recommended strength is multiplied into
the numbers. Ollama once took adapters and ignored them in silence (ollama #4825); it is not run
here, so the tick stays at 'keys checked' even where llama.cpp, on which it is built, agrees.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from engine.exports import EXPORTS
from engine.exports.base import Expected, Export, Loaded, Material, Probe, Refused
from engine.exports.checks import text

FILE = "Modelfile"
NOT_RUN = "Ollama itself was not run; run one prompt with and without the adapter to see it work."


def write(what: Material, folder: Path) -> None:
    assert what.gguf
    EXPORTS["gguf_lora"].load().write(_scaled(what), folder)
    shutil.copy(what.gguf, folder / what.gguf.name)
    (folder / FILE).write_text(
        f"# strength {what.facts.strength:g} is multiplied into the adapter\n"
        f"FROM ./{what.gguf.name}\nADAPTER ./adapter.gguf\n"
    )


def expect(what: Material) -> Expected:
    return text.with_adapter(_scaled(what))


def _scaled(what: Material) -> Material:
    assert what.adapter
    size = what.facts.strength
    weights = {k: v * size if k.endswith("lora_B.weight") else v
               for k, v in what.adapter.weights.items()}  # fmt: skip
    return replace(what, adapter=replace(what.adapter, weights=weights))


def reload(folder: Path, probe: Probe) -> Loaded:
    """The Modelfile's files are there, and the adapter passes every check of the GGUF LoRA."""
    said = dict(re.findall(r"^(FROM|ADAPTER) (.+)$", (folder / FILE).read_text(), re.M))
    if said.keys() != {"FROM", "ADAPTER"} or not all((folder / f).is_file() for f in said.values()):
        raise Refused("the Modelfile names files that are not beside it")
    read: Loaded = EXPORTS["gguf_lora"].load().reload(folder, probe)
    heard = "llama.cpp, on which it is built, agrees. " if read.own else f"{read.why} "
    return replace(read, own=False, why=heard + NOT_RUN)


OLLAMA = Export(
    write, reload, expect, "Ollama", frozenset({"adapter", "gguf"}),
    "`ollama create {slug} -f Modelfile`, then `ollama run {slug}`. Strength {strength} is built "
    "in.",
    library="gguf",
)  # fmt: skip
