"""Where a taste can be taken. One file a target, one line here; `load()` gives an Export."""

from engine.registry import Entry, Registry

# Traits: "pictures" is for adapters of picture models, "words" takes answers of any kind; without
# either a target is for language models, as is what says "language".
PICTURES, WORDS = frozenset({"pictures"}), frozenset({"words"})

EXPORTS = Registry(
    "export",
    {
        "peft": Entry("engine.exports.peft:PEFT", "PEFT folder", "peft 0.21"),
        "gguf_lora": Entry(
            "engine.exports.gguf_lora:GGUF_LORA", "GGUF LoRA", "llama.cpp convert_lora_to_gguf.py"
        ),
        "merged": Entry("engine.exports.merged:MERGED", "Merged model", "transformers 5"),
        "ollama": Entry("engine.exports.ollama:OLLAMA", "Ollama", "Modelfile FROM and ADAPTER"),
        "gguf_control_vector": Entry(
            "engine.exports.gguf_control_vector:GGUF_CONTROL_VECTOR",
            "GGUF control vector",
            "vgel/repeng export_gguf",
        ),
        "gguf_direction_lora": Entry(
            "engine.exports.gguf_direction_lora:GGUF_DIRECTION_LORA",
            "GGUF LoRA of the steering",
            "reduced rank regression, Izenman 1975",
        ),
        "diffusers": Entry(
            "engine.exports.diffusers:DIFFUSERS", "diffusers", "diffusers 0.42", PICTURES
        ),
        "kohya": Entry(
            "engine.exports.kohya:KOHYA",
            "ComfyUI, A1111, Forge",
            "kohya sd-scripts, ModelSpec 1.0.1",
            PICTURES,
        ),
        "ppd": Entry(
            "engine.exports.ppd:PPD",
            "Personal vector (PPD)",
            "8, this studio's own format",
            PICTURES,
        ),
        "trl_preference": Entry(
            "engine.exports.trl_preference:TRL_PREFERENCE",
            "TRL preference pairs",
            "TRL dataset_formats.md",
            WORDS,
        ),
        "trl_kto": Entry(
            "engine.exports.trl_kto:TRL_KTO", "TRL KTO judgements", "TRL dataset_formats.md", WORDS
        ),
        "answers_jsonl": Entry(
            "engine.exports.answers_jsonl:ANSWERS_JSONL",
            "Answers as JSON lines",
            "JSON Lines",
            WORDS,
        ),
        "answers_csv": Entry(
            "engine.exports.answers_csv:ANSWERS_CSV", "Answers as a table (CSV)", "RFC 4180", WORDS
        ),
        "answers_parquet": Entry(
            "engine.exports.answers_parquet:ANSWERS_PARQUET",
            "Answers as a table (Parquet)",
            "Apache Parquet, by pyarrow",
            WORDS,
        ),
        "system_prompt": Entry(
            "engine.exports.system_prompt:SYSTEM_PROMPT",
            "System prompt with examples",
            "FSPO, arXiv 2502.19312",
            WORDS | {"language"},
        ),
    },
)
