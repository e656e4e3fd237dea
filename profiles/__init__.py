"""The memory of Penchant: SQLite, FAISS and portable bundles; no torch, no gradio."""
