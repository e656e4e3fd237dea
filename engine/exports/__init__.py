"""Where a taste can be taken. One file a target, one line here; `load()` gives an Export."""

from engine.registry import Entry, Registry

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
        "diffusers": Entry("engine.exports.diffusers:DIFFUSERS", "diffusers", "diffusers 0.42"),
        "trl_preference": Entry(
            "engine.exports.trl_preference:TRL_PREFERENCE",
            "TRL preference pairs",
            "TRL dataset_formats.md",
        ),
        "trl_kto": Entry(
            "engine.exports.trl_kto:TRL_KTO", "TRL KTO judgements", "TRL dataset_formats.md"
        ),
        "answers_jsonl": Entry(
            "engine.exports.answers_jsonl:ANSWERS_JSONL", "Answers as JSON lines", "JSON Lines"
        ),
        "answers_csv": Entry(
            "engine.exports.answers_csv:ANSWERS_CSV", "Answers as a table (CSV)", "RFC 4180"
        ),
        "answers_parquet": Entry(
            "engine.exports.answers_parquet:ANSWERS_PARQUET",
            "Answers as a table (Parquet)",
            "Apache Parquet, by pyarrow",
        ),
    },
)
